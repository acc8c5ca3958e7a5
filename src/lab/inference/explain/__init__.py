"""Explanations of predictions: how much each word, or each part of a window, speaks for a class or an answer."""
