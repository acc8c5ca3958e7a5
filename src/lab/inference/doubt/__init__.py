"""Columns of doubt: which predictions a person should make, and which rows are unlike those of training."""
