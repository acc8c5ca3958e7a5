"""Callbacks that act on single steps of the fit loop: its limits, and the metrics of a step."""
