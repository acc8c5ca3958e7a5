"""Quotes of a CSV file that are not meant as its quotes: cells that swallow rows, quotes behind a backslash.

A cell that begins with a quote that is part of its text ("Fuga" de aceite) goes on to the next quote, perhaps hundreds
of rows later; no parser minds. A text of several lines looks the same, so a cell is refused only where each of its
lines reads as a row whose other cells stand in other rows, too. Pure but for the reading of lines.
"""

import csv
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

STYLES: Mapping[str, Mapping[str, Any]] = {
    "auto": {},
    "double": {},
    "backslash": {"escapechar": "\\"},
    "none": {"quoting": csv.QUOTE_NONE},
}
"""What `data.quoting` means to Python's csv module, and to pandas."""


@dataclass(frozen=True)
class Record:
    """A row as the csv module reads it. first, last: its lines, counted from 1; raw: these lines."""

    cells: list[str]
    first: int
    last: int
    raw: list[str]


def records(lines: Iterable[str], delimiter: str, style: str, strict: bool = False) -> Iterator[Record]:
    """Rows with where they stand, blank lines left out. Raises csv.Error as the module does."""
    taken: list[str] = []

    def remembered() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line

    with _long_cells():
        reader = csv.reader(remembered(), delimiter=delimiter, strict=strict, **STYLES[style])
        last = 0
        for cells in reader:
            first, last = last + 1, reader.line_num
            if cells:
                yield Record(cells, first, last, list(taken))
            taken.clear()


def fits(lines: Iterable[str], delimiter: str, style: str, num_columns: int) -> bool:
    """Whether every row has the header's number of cells when quotes are read in a style."""
    try:
        return all(len(record.cells) == num_columns for record in records(lines, delimiter, style, strict=True))
    except csv.Error:
        return False


def misfit(lines: Iterable[str], delimiter: str, num_columns: int) -> int | None:
    """The line of the first row with a quote inside of a quoted cell, or without the header's number of cells."""
    last = 0
    try:
        for record in records(lines, delimiter, "double", strict=True):
            if len(record.cells) != num_columns:
                return record.first
            last = record.last
    except csv.Error:
        return last + 1
    return None


def may_hold_rows(cells: Any, column: int, num_columns: int, delimiter: str) -> npt.NDArray[np.int64]:
    """Places of the cells of a string array with as many delimiters as rows of their lines would have."""
    several = pc.indices_nonzero(pc.match_substring(cells, "\n"))
    if num_columns < 2 or not len(several):
        return np.zeros(0, np.int64)
    places, cells = several.to_numpy().astype(np.int64), cells.take(several)
    blank = pc.add(pc.count_substring(cells, "\n\n"), pc.count_substring(cells, "\r\n\r\n"))
    lines = pc.subtract(pc.count_substring(cells, "\n"), blank).to_numpy()
    marks = pc.count_substring(cells, delimiter).to_numpy()
    least = (num_columns - column - 1) + (lines - 1) * (num_columns - 1)
    found: npt.NDArray[np.int64] = places[(lines > 0) & (least <= marks) & (marks < least + num_columns)]
    return found


def rows_within(cell: str, column: int, num_columns: int, delimiter: str) -> list[tuple[int, str]] | None:
    """The other cells that the lines of a cell have when they are read as rows, by column; None where they are none.

    The first line is the rest of a row from `column` on, the last one the start of a row.

    >>> rows_within("no arranca,A\\nruido,B\\nfuga", 0, 2, ",")
    [(1, 'A'), (1, 'B')]
    >>> rows_within("no arranca, otra vez\\nse revisa", 0, 3, ",") is None
    True
    """
    first, *rest = [line.rstrip("\r").split(delimiter) for line in cell.split("\n")]
    rows, last = [cells for cells in rest[:-1] if cells != [""]], rest[-1]
    if len(first) != num_columns - column or any(len(cells) != num_columns for cells in rows):
        return None
    found = [(column + place, text.strip()) for place, text in enumerate(first) if place]
    found += [(place, text.strip()) for cells in rows for place, text in enumerate(cells) if place != column]
    found += [(place, text.strip()) for place, text in enumerate(last[:-1]) if place != column]
    return found


def swallowed(others: list[tuple[int, str]], seen: Callable[[int], frozenset[str]]) -> int:
    """How many cells of the rows within a cell say that they are rows: those of a column whose every such cell stands
    in other rows, too. seen: the values of a column, trimmed."""
    columns = {column for column, _ in others}
    known = [column for column in columns if {text for at, text in others if at == column} <= seen(column)]
    return max((sum(at == column for at, _ in others) for column in known), default=0)


def ends_amid(record: Record, delimiter: str, style: str) -> bool:
    """Whether a closing quote of a row is followed by something else than a delimiter or the row's end."""
    try:
        list(records(record.raw, delimiter, style, strict=True))
    except csv.Error:
        return True
    return False


@contextmanager
def _long_cells() -> Iterator[None]:
    before = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(before)
