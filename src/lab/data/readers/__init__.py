"""Readers of files and of the hub, whatever is made of their rows: encodings, quotes, cells, time stamps."""
