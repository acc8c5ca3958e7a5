"""The delimiter of a CSV file that cannot be read with another one.

A file is never read with a delimiter that nobody named: it is proposed, and a person types it. Cost: the rows are read
once for each mark in the header, until one does not fit.
"""

from collections.abc import Callable, Iterable

from lab.core.hydra_quoting import quoted
from lab.data.readers.csv_quotes import fits, records

MARKS = (";", "\t", "|", ",")
"""Usual delimiters."""
KEY = "data.delimiter"


def fitting_delimiter(lines: Callable[[], Iterable[str]], used: str, style: str) -> str | None:
    """Return the mark, other than `used`, that gives every row the header's number of cells; None if there is none.

    lines: reads the lines from the header on, each time; style: a key of `csv_quotes.STYLES`.

    >>> fitting_delimiter(lambda: ["texto;modo\\n", "fuga, otra vez;A\\n"], ",", "auto")
    ';'
    """
    for mark in marks_in(next(iter(lines()), ""), used):
        width = next((len(record.cells) for record in records(lines(), mark, style)), 0)
        if width > 1 and fits(lines(), mark, style, width):
            return mark
    return None


def marks_in(header: str, used: str) -> list[str]:
    """Return the marks of a header other than the one that was used, the most frequent first."""
    return sorted((mark for mark in MARKS if mark != used and mark in header), key=header.count, reverse=True)


def remedy(lines: Callable[[], Iterable[str]], used: str, style: str) -> str:
    """Return what to do about rows that have more cells than the header."""
    if (mark := fitting_delimiter(lines, used, style)) is not None:
        return quoted(KEY, mark)
    quotes = "put cells that contain the delimiter in quotes"
    other = next(iter(marks_in(next(iter(lines()), ""), used)), None)
    return f"{quotes}, or name another delimiter: {quoted(KEY, other)}" if other else quotes
