"""Loggers: where a run is followed while it trains; one a file, and one that fails never ends the run."""
