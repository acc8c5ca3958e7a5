"""Trained runs whose training data are deleted, as the tests of predictions have them."""

from ..inference.conftest import asked, trained

__all__ = ["asked", "trained"]
