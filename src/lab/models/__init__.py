"""Encoders, nets, heads, losses and metrics as Lightning and torch modules.

Here is what every model shares; a folder each for texts, questions, adapters and series.
"""
