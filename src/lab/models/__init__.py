"""Encoders, heads and losses as Lightning modules."""
