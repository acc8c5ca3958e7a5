"""Sweeps: many runs of one request, each in its own process and folder, steered by Optuna."""
