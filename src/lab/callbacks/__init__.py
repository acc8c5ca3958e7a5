"""One callback a file, blind to concrete models."""
