"""Trained runs whose training data are deleted, as the tests of predictions have them."""

from ..inference.conftest import predict_with, trained

__all__ = ["predict_with", "trained"]
