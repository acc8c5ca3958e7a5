"""Figures that relate settings (config keys) to results."""
