"""Checks that need the rows: leaks between splits, labels in the text, shortcuts, classes in several spellings."""
