"""Predictions of a saved model for new rows: inputs, one predictor per task, outputs."""
