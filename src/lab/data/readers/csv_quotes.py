"""Quotes in a CSV file that are part of a text: they make cells swallow rows, or follow a backslash.

A cell whose text begins with a quote ("Fuga" de aceite) extends to the next quote, perhaps hundreds of rows later, and
no parser reports it. A text of several lines looks the same. So a cell is refused only if each of its lines reads as a
row whose other cells also occur in other rows. Pure functions of the lines.
"""

import csv
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from lab.core.errors import Mistake, listed

STYLES: Mapping[str, Mapping[str, Any]] = {
    "auto": {},
    "double": {},
    "backslash": {"escapechar": "\\"},
    "none": {"quoting": csv.QUOTE_NONE},
}
"""Arguments for Python's csv module and for pandas, by value of `data.quoting`."""
MAX_SUSPECTS = 1000
"""Cells that are examined, at most."""
Cells = Sequence[tuple[int, str]]
"""Cells by the number of their column."""


@dataclass(frozen=True)
class Record:
    """A row as the csv module reads it. first, last: line numbers, counted from 1; raw: these lines."""

    cells: list[str]
    first: int
    last: int
    raw: list[str]


def records(lines: Iterable[str], delimiter: str, style: str, strict: bool = False) -> Iterator[Record]:
    """Rows with their line numbers, without blank lines. Raises csv.Error as the module does."""
    raw: list[str] = []

    def recorded() -> Iterator[str]:
        for line in lines:
            raw.append(line)
            yield line

    with _long_cells():
        reader = csv.reader(recorded(), delimiter=delimiter, strict=strict, **STYLES[style])
        last = 0
        for cells in reader:
            first, last = last + 1, reader.line_num
            if cells:
                yield Record(cells, first, last, list(raw))
            raw.clear()


def fits(lines: Iterable[str], delimiter: str, style: str, num_columns: int) -> bool:
    """Return whether every row has the header's number of cells when quotes are read in a style."""
    try:
        return all(len(record.cells) == num_columns for record in records(lines, delimiter, style, strict=True))
    except csv.Error:
        return False


def misfit(lines: Iterable[str], delimiter: str, num_columns: int) -> int | None:
    """Return the line of the first row with a quote inside a quoted cell or with a wrong number of cells; else None."""
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
    """Places of cells of a string array that have as many delimiters as their lines would have if they were rows."""
    several = pc.indices_nonzero(pc.match_substring(cells, "\n"))
    if num_columns < 2 or not len(several):
        return np.zeros(0, np.int64)
    places, cells = several.to_numpy().astype(np.int64), cells.take(several)
    blank = pc.add(pc.count_substring(cells, "\n\n"), pc.count_substring(cells, "\r\n\r\n"))
    lines = pc.subtract(pc.count_substring(cells, "\n"), blank).to_numpy()
    marks = pc.count_substring(cells, delimiter).to_numpy()
    least = (num_columns - column - 1) + (lines - 1) * (num_columns - 1)
    suspected: npt.NDArray[np.int64] = places[(lines > 0) & (least <= marks) & (marks < least + num_columns)]
    return suspected


def rows_within(cell: str, column: int, num_columns: int, delimiter: str) -> list[tuple[int, str]] | None:
    """Read the lines of a cell as rows and return their cells in other columns, as (column, text); None if they do not
    fit.

    The first line is the rest of a row from `column` on, the last line is the start of a row.

    >>> rows_within("no arranca,A\\nruido,B\\nfuga", 0, 2, ",")
    [(1, 'A'), (1, 'B')]
    >>> rows_within("no arranca, otra vez\\nse revisa", 0, 3, ",") is None
    True
    """
    first, *rest = [line.rstrip("\r").split(delimiter) for line in cell.split("\n")]
    rows, last = [cells for cells in rest[:-1] if cells != [""]], rest[-1]
    if len(first) != num_columns - column or any(len(cells) != num_columns for cells in rows):
        return None
    others = [(column + place, text.strip()) for place, text in enumerate(first) if place]
    others += [(place, text.strip()) for cells in rows for place, text in enumerate(cells) if place != column]
    others += [(place, text.strip()) for place, text in enumerate(last[:-1]) if place != column]
    return others


def count_known(cells: list[tuple[int, str]], column_values: Callable[[int], frozenset[str]]) -> int:
    """Return the number of cells that show that they belong to rows: the largest number in a column whose cells all
    occur in other rows too. cells: result of `rows_within`; column_values: trimmed values of a column."""
    columns = {column for column, _ in cells}
    known = [column for column in columns if {text for at, text in cells if at == column} <= column_values(column)]
    return max((sum(at == column for at, _ in cells) for column in known), default=0)


def has_inner_quote(record: Record, delimiter: str, style: str) -> bool:
    """Return whether a closing quote of a row is followed by anything but a delimiter or the end of the row."""
    try:
        list(records(record.raw, delimiter, style, strict=True))
    except csv.Error:
        return True
    return False


def joined_rows(rows: Callable[[], Iterator[Record]], delimiter: str, style: str) -> list[Record]:
    """Return the rows in which a quoted cell contains rows. rows: reads all rows from the header on, each time.

    Reads the rows once, and twice more if a cell has lines that could be rows. Memory: one row and the suspects.
    """
    inner_cells: dict[tuple[int, str], Cells] = {}
    reader = rows()
    width = len(next(reader).cells)
    for record in reader:
        if width > 1 and record.last > record.first and len(inner_cells) < MAX_SUSPECTS:
            for column, cell in enumerate(record.cells[:width]):
                if "\n" in cell and (inner := rows_within(cell, column, width, delimiter)) is not None:
                    inner_cells[column, cell] = inner
    wanted = {pair for inner in inner_cells.values() for pair in inner}
    known: dict[int, set[str]] = {}
    for record in itertools.islice(rows(), 1, None) if wanted else ():
        for column, cell in enumerate(record.cells):
            if (column, cell.strip()) in wanted:
                known.setdefault(column, set()).add(cell.strip())

    def column_values(column: int) -> frozenset[str]:
        return frozenset(known.get(column, ()))

    evidence = {key: count_known([*inner], column_values) for key, inner in inner_cells.items()}
    return list(swallowing(rows, evidence, delimiter, style))


def swallowing(
    rows: Callable[[], Iterator[Record]], evidence: Mapping[tuple[int, str], int], delimiter: str, style: str
) -> Iterator[Record]:
    """Rows with a cell that contains rows, as shown by two or more known cells or by a quote inside it.

    evidence: for each suspected column and cell, the number of inner cells that also occur in other rows.
    """
    columns = sorted({column for column, _ in evidence})
    for record in rows() if evidence else ():
        keys = [(column, record.cells[column]) for column in columns if column < len(record.cells)]
        if any(key in evidence and (evidence[key] > 1 or has_inner_quote(record, delimiter, style)) for key in keys):
            yield record


def joined_rows_mistake(
    joined: Sequence[Record], skipped: int, fits_unquoted: bool, key: str, quoting: str, value: object
) -> Mistake:
    """Return the mistake of a file with such rows. skipped: lines above the header; quoting: the key of the style."""
    lines = [f"lines {record.first + skipped} to {record.last + skipped}" for record in joined]
    num = sum(record.last - record.first for record in joined)
    problem = f"a quote at the start of a cell joins rows: {listed(lines, 3)} became one row, {num} rows are lost"
    remedy = (
        f"{quoting}=none, which reads quotes as ordinary characters"
        if fits_unquoted
        else f"put the cell at line {joined[0].first + skipped} in quotes, and double the quotes inside it"
    )
    return Mistake(key, problem, f"{remedy}; {quoting}=double if they are texts of several lines", value)


@contextmanager
def _long_cells() -> Iterator[None]:
    before = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(before)
