"""Files, hub data sets and generators become columns, splits, labels and batches.

Here is what every kind of data shares; a folder each for texts, questions and series.
"""
