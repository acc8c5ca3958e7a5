"""`model=auto`: a model by task, rows, classes, language, weights at hand and device, from a table with its reasons."""
