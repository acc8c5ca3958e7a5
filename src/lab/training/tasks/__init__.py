"""One file a task: which data, model and evaluation belong together."""
