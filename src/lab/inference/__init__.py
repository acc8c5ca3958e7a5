"""A trained model at work on new rows. Everything here reads a run folder and never its training data."""
