"""Files, hub data sets and generators become columns, splits, labels and batches.

This folder has what all kinds of data share. Texts, questions and series have a folder each.
"""
