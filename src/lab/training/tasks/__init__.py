"""The tasks, one file each: the data, model and evaluation that belong together."""
