"""Nets for time series and the classifiers over them."""
