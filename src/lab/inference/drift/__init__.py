"""Shift of new rows against the rows of training: `predict.py drift=true`. Reads reference.json, writes drift.json."""
