"""Files, hub data sets and generators become columns, splits, labels and batches."""
