"""Encoders, nets, heads, losses and metrics as Lightning and torch modules.

This folder has the code that all models share; texts, questions, adapters and series have a folder each.
"""
