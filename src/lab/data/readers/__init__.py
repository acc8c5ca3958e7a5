"""Readers of files and of the hub for all kinds of data: encodings, quotes, cells, time stamps."""
