"""The loop of a study: ask Optuna, start trials, handle reports and ends, confirm, and write the results."""
