"""Sweeps: many runs of one request, each in its own process and folder, controlled by Optuna."""
