"""Rows of a file that are not rows of its table: title rows, a `sep=;` line, repeated headers, notes, blank rows.

Title rows are refused with the setting that skips them, since only a person can distinguish them from a header.
Repeated headers, blank rows and notes below the table are left out and logged. Shapes: N rows.
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
"""Number of first rows in which the header is searched."""
DELIMITERS = (",", ";", "\t", "|")
_WORD = re.compile(r"[^\W\d_]{3,}")
"""A word of three letters or more: a note has at least two, a date has none."""


def first_lines(path: Path, encoding: str) -> list[str]:
    """Return the first lines of a text file, gzipped or not. Raises UnicodeError and OSError."""
    with open_text(path, encoding) as file:
        return [line[:100_000] for line in islice(file, HEAD_ROWS)]


def header_row(rows: Iterable[Sequence[object]], wanted: Sequence[str], expected: int) -> int | None:
    """Return the number of the row that contains all wanted names: the expected row if it does, else the first."""
    matches = [number for number, row in enumerate(rows) if {*wanted} <= {str(cell).strip() for cell in row}]
    return expected if expected in matches else next(iter(matches), None)


def header_in_text(
    lines: Sequence[str], wanted: Sequence[str], delimiter: str, expected: int
) -> tuple[int, str] | None:
    """Return the row of the header and the delimiter that reads it, `delimiter` tried first; None without a header."""
    for other in (delimiter, *(other for other in DELIMITERS if other != delimiter)):
        try:
            row = header_row(csv.reader(lines, delimiter=other), wanted, expected)
        except csv.Error:  # a field longer than its limit, a zero byte
            continue
        if row is not None:
            return row, other
    return None


def without_extra_rows(frame: Any, header: Sequence[str], times: Sequence[str]) -> Any:
    """Return the frame without repeated headers, blank rows and notes below it; log what was left out."""
    columns = [name for name in times if name in frame.columns]
    if not columns or not len(frame):
        return frame
    repeated = _repeated_headers(frame, header, columns[0])
    blank = _blank(frame, columns)
    last = len(frame) - int(np.argmin((repeated | blank)[::-1])) if not (repeated | blank).all() else 0
    notes = _notes(frame, repeated | blank, last)
    for rows, problem in ((repeated, "repeat the header"), (notes, "at the end are notes")):
        if rows.any():
            places = np.flatnonzero(rows)
            example = f": {_row_text(frame, int(places[0]))!r}" if rows is notes else ""
            log.warning("rows %s %s%s; left out", listed([str(at) for at in places.tolist()], 3), problem, example)
    if blank.any():
        log.info("%d blank rows are left out", int(blank.sum()))
    extra = repeated | blank | notes
    if not extra.any():
        return frame
    rest = frame[~extra].reset_index(drop=True)
    return rest.apply(_numbers_if_all_are) if repeated.any() else rest


def _numbers_if_all_are(column: Any) -> Any:
    """Numbers if all cells are numbers: a header among them had turned the column into text."""
    if column.dtype.kind in "iufbM":
        return column
    numbers = pd.to_numeric(column, errors="coerce")
    return numbers if (numbers.isna() == column.isna()).all() else column


def _repeated_headers(frame: Any, header: Sequence[str], time: str) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Rows whose cells are the names of their columns."""
    repeated = _equals(frame[time], time)
    if repeated.any():
        for name, written in zip(frame.columns, header, strict=True):
            repeated = repeated & _equals(frame[name], written)
    return repeated


def _equals(column: Any, word: str) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    if column.dtype.kind in "iufbM":
        return np.zeros(len(column), np.bool_)
    return np.asarray((column.astype("string").str.strip() == word.strip()).fillna(value=False), np.bool_)


def _blank(frame: Any, times: Sequence[str]) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Rows in which every cell is empty."""
    blank = np.ones(len(frame), np.bool_)
    for name in (*times, *(name for name in frame.columns if name not in times)):
        if not blank.any():
            break
        blank &= _empty(frame[name])
    return blank


def _empty(column: Any) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    missing = column.isna().to_numpy()
    if column.dtype.kind in "iufbM":
        return np.asarray(missing, np.bool_)
    return np.asarray(missing | (column.astype("string").str.strip() == "").fillna(value=False).to_numpy(), np.bool_)


def _notes(frame: Any, left_out: Any, last: int) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Rows at the end that hold a single cell, of words."""
    notes = np.zeros(len(frame), np.bool_)
    for row in range(last - 1, max(-1, last - HEAD_ROWS), -1):
        if left_out[row]:
            continue
        cells = [str(cell) for cell in frame.iloc[row] if not pd.isna(cell) and str(cell).strip()]
        if len(cells) != 1 or len(_WORD.findall(cells[0])) < 2:
            break
        notes[row] = True
    return notes


def _row_text(frame: Any, row: int) -> str:
    return " ".join(str(cell) for cell in frame.iloc[row] if not pd.isna(cell) and str(cell).strip())[:60]
