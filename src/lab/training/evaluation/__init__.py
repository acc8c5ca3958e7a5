"""The test of a model, by task: scores beside baselines, predictions, figures, the table on the terminal."""
