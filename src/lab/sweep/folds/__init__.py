"""The folds of `data.split.folds` at the end of their multirun: one table and the predictions on all rows."""
