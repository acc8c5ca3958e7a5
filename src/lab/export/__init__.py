"""Turns a run into one self-contained folder, which other programs or machines use without the run and its data."""
