"""Cells of CSV files that a spreadsheet would compute: a text must stay a text where a person opens the file."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First signs of a cell that a spreadsheet computes."""


def as_text(cell: object) -> object:
    """Return a cell with an apostrophe before a text that a spreadsheet would compute.

    >>> as_text("=1+1"), as_text("leak"), as_text(-1.0)
    ("'=1+1", 'leak', -1.0)
    """
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
