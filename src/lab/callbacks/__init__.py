"""Callbacks of a run, one per file, blind to concrete models; subclasses of Lightning's where it has them."""
