"""Readers of runs on disk and in tracking services; each returns the same `SourceRuns`."""
