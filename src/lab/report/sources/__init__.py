"""Runs as they lie on disk or in a tracking service become rows of one table."""
