"""Errors that a run may meet, in words that a person can act on."""
