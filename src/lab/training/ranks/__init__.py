"""Training of one run in several processes: their start, their meeting place, and their common end."""
