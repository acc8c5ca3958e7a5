"""Figures that compare the scores and costs of runs."""
