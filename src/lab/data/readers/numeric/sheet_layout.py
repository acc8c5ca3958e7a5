"""What stands around and between the rows of a table: title rows, a `sep=;` line, repeated headers, notes, blank rows.

Titles are named with the setting that skips them, since only a person knows them from a header. A header again, rows
without anything and notes below the table are left out, and said. Shapes: N rows.
"""

import csv
import logging
import re
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lab.core.errors import listed
from lab.data.readers.file_bytes import open_text

log = logging.getLogger(__name__)
HEAD_ROWS = 40
"""First rows of a sheet in which its header is looked for."""
MARKS = (",", ";", "\t", "|")
_WORD = re.compile(r"[^\W\d_]{3,}")
"""A word of three letters: a note has two, and no date has."""


def first_lines(path: Path, encoding: str) -> list[str]:
    """Return the first lines of a text file, gzipped or not. Raises UnicodeError and OSError."""
    with open_text(path, encoding) as file:
        return [line[:100_000] for line in islice(file, HEAD_ROWS)]


def header_at(rows: Iterable[Sequence[object]], wanted: Sequence[str], expected: int) -> int | None:
    """Number of the row that holds all names wanted: the expected one, else the first."""
    found = [number for number, row in enumerate(rows) if {*wanted} <= {str(cell).strip() for cell in row}]
    return expected if expected in found else next(iter(found), None)


def header_in_text(
    lines: Sequence[str], wanted: Sequence[str], delimiter: str, expected: int
) -> tuple[int, str] | None:
    """Row of the header, and the delimiter it is read with: the given one first."""
    for mark in (delimiter, *(mark for mark in MARKS if mark != delimiter)):
        try:
            row = header_at(csv.reader(lines, delimiter=mark), wanted, expected)
        except csv.Error:  # a field longer than its limit, a zero byte
            continue
        if row is not None:
            return row, mark
    return None


def tidy(frame: Any, header: Sequence[str], times: Sequence[str]) -> Any:
    """The frame without repeated headers, blank rows and the notes below it; what was left out is said."""
    columns = [name for name in times if name in frame.columns]
    if not columns or not len(frame):
        return frame
    again = _headers_again(frame, header, columns[0])
    blank = _blank(frame, columns)
    last = len(frame) - int(np.argmin((again | blank)[::-1])) if not (again | blank).all() else 0
    notes = _notes(frame, again | blank, last)
    for rows, what in ((again, "hold the header again"), (notes, "at the end are notes")):
        if rows.any():
            places = np.flatnonzero(rows)
            words = f": {_text_of(frame, int(places[0]))!r}" if rows is notes else ""
            log.warning("rows %s %s%s; left out", listed([str(at) for at in places.tolist()], 3), what, words)
    if blank.any():
        log.info("%d rows without anything in them are left out", int(blank.sum()))
    gone = again | blank | notes
    if not gone.any():
        return frame
    rest = frame[~gone].reset_index(drop=True)
    return rest.apply(_kind_of_its_own) if again.any() else rest


def _kind_of_its_own(column: Any) -> Any:
    """Numbers where all cells are: the header among them had made text of the column."""
    if column.dtype.kind in "iufbM":
        return column
    numbers = pd.to_numeric(column, errors="coerce")
    return numbers if (numbers.isna() == column.isna()).all() else column


def _headers_again(frame: Any, header: Sequence[str], time: str) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Rows that say the names of the columns."""
    found = _says(frame[time], time)
    if found.any():
        for name, written in zip(frame.columns, header, strict=True):
            found = found & _says(frame[name], written)
    return found


def _says(column: Any, word: str) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    if column.dtype.kind in "iufbM":
        return np.zeros(len(column), np.bool_)
    return np.asarray((column.astype("string").str.strip() == word.strip()).fillna(value=False), np.bool_)


def _blank(frame: Any, times: Sequence[str]) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Rows in which every cell is empty."""
    found = np.ones(len(frame), np.bool_)
    for name in (*times, *(name for name in frame.columns if name not in times)):
        if not found.any():
            break
        found &= _empty(frame[name])
    return found


def _empty(column: Any) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    none = column.isna().to_numpy()
    if column.dtype.kind in "iufbM":
        return np.asarray(none, np.bool_)
    return np.asarray(none | (column.astype("string").str.strip() == "").fillna(value=False).to_numpy(), np.bool_)


def _notes(frame: Any, left: Any, last: int) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Rows at the end in which one cell alone says something, in words."""
    found = np.zeros(len(frame), np.bool_)
    for row in range(last - 1, max(-1, last - HEAD_ROWS), -1):
        if left[row]:
            continue
        cells = [str(cell) for cell in frame.iloc[row] if not pd.isna(cell) and str(cell).strip()]
        if len(cells) != 1 or len(_WORD.findall(cells[0])) < 2:
            break
        found[row] = True
    return found


def _text_of(frame: Any, row: int) -> str:
    return " ".join(str(cell) for cell in frame.iloc[row] if not pd.isna(cell) and str(cell).strip())[:60]
