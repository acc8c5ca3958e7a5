"""A CSV, TSV or XLSX file as a data frame: where its header is, by which sheet and delimiter it is read."""

import logging
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from lab.config.schema import Table
from lab.core.errors import Mistake, RequestError, listed, nearest
from lab.core.hydra_quoting import quoted
from lab.data.readers.cell_values import GAPS
from lab.data.readers.numeric import sheet_layout
from lab.data.readers.timestamps.parsing import digits_kept, time_names

log = logging.getLogger(__name__)


def read_frame(path: Path, ending: str, data: Table, words: Collection[str]) -> tuple[Any, list[str]]:
    """The table, and its header as it is written: pandas gives columns of one name a number each."""
    if ending != ".xlsx":
        delimiter, skipped = _layout(path, data, data.delimiter or ("\t" if ".tsv" in ending else ","))
        how = {"sep": delimiter, "encoding": data.encoding, "skiprows": skipped,
               "low_memory": False}  # fmt: skip  # else a kind is guessed for each piece
        return _read(partial(pd.read_csv, path, **how), data, words)
    with pd.ExcelFile(path) as book:  # once: to open it takes most of the time
        sheet = _sheet(book, data)
        return _read(partial(pd.read_excel, book, sheet_name=sheet, skiprows=data.skip_rows), data, words)


def _layout(path: Path, data: Table, delimiter: str) -> tuple[str, int]:
    """The delimiter and the rows before the header of a text file. Raises RequestError for another header."""
    lines = sheet_layout.first_lines(path, data.encoding)
    mark = sheet_layout.separator(lines)
    delimiter = mark if mark is not None and data.delimiter is None else delimiter
    skipped = max(data.skip_rows, int(mark is not None))
    found = sheet_layout.header_in_text(lines, time_names(data), delimiter, skipped)
    if found is None or (found[0] == skipped and found[1] == delimiter):
        return delimiter, skipped
    row, other = found
    if other != delimiter and row == skipped:
        return delimiter, skipped  # told by `_read`, with the names as they are read
    if not any(line.strip() for line in lines[skipped:row]) and other == delimiter:
        return delimiter, row  # pandas passes over blank lines
    settings = [f"data.skip_rows={row}"] + ([quoted("data.delimiter", other)] if other != delimiter else [])
    raise _header_elsewhere(path, row, skipped, data, " ".join(settings))


def _header_elsewhere(path: Path, row: int, skipped: int, data: Table, remedy: str) -> RequestError:
    place = f"row {skipped + 1} of {path.name} is read as the header, and {listed(time_names(data))} stands in row"
    return RequestError(Mistake("data.skip_rows", f"{place} {row + 1}", remedy, data.skip_rows))


def _sheet(book: Any, data: Table) -> str:
    """The sheet to read. Raises RequestError where the header is in another one or below titles."""
    sheets = [str(name) for name in book.sheet_names]
    if data.sheet not in (None, *sheets):
        remedy = quoted("data.sheet", nearest(str(data.sheet), sheets) or sheets[0])
        problem = f"no sheet of this name; there are {listed(sheets)}"
        raise RequestError(Mistake("data.sheet", problem, remedy, data.sheet))
    chosen = data.sheet if data.sheet is not None else sheets[0]
    at = {name: sheet_layout.header_at(_head(book, name), time_names(data), data.skip_rows) for name in sheets}
    others = [name for name, row in at.items() if row is not None and name != chosen]
    row = at[chosen]
    if row is None and others:
        problem = f"sheet {chosen!r} has no column {listed(time_names(data))}, and {listed(others)} has"
        skipping = [f"data.skip_rows={at[others[0]]}"] if at[others[0]] != data.skip_rows else []
        remedy = " ".join([quoted("data.sheet", others[0]), *skipping])
        raise RequestError(Mistake("data.sheet", problem, remedy, data.sheet))
    if row is not None and row != data.skip_rows:
        raise _header_elsewhere(Path(data.path), row, data.skip_rows, data, f"data.skip_rows={row}")
    if others and data.sheet is None:
        log.warning("sheet %r is read; %s with a column %s as well is not: %s", chosen, listed(others),
                    listed(time_names(data)), quoted("data.sheet", others[0]))  # fmt: skip
    return chosen


def _head(book: Any, sheet: str) -> list[list[object]]:
    rows: list[list[object]] = book.parse(sheet, header=None, nrows=sheet_layout.LOOKED_AT).to_numpy().tolist()
    return rows


def _read(read: Callable[..., Any], data: Table, words: Collection[str]) -> tuple[Any, list[str]]:
    names = [str(name) for name in read(nrows=0).columns]
    marks = [mark for mark in ";\t|," if len(names) == 1 and mark in names[0]]
    if marks:
        problem = f"the file has one column, {names[0][:60]!r}"
        raise RequestError(Mistake("data.delimiter", problem, quoted("data.delimiter", marks[0]), data.delimiter))
    markers = data.missing_markers
    gaps = {name: ("", *markers) if name == data.label else ("",) if name in words else (*GAPS, *markers)
            for name in names}  # fmt: skip
    decimal = "." if data.decimal == "any" else data.decimal
    frame = read(keep_default_na=False, na_values=gaps, decimal=decimal, dtype=dict.fromkeys(digits_kept(data), str))
    if not isinstance(frame.index, pd.RangeIndex):
        raise ValueError("rows have more fields than the header")
    header = read(nrows=1, header=None, dtype=str, keep_default_na=False)
    written = [str(name) for row in header.to_numpy().tolist() for name in row]
    frame.columns = names
    return sheet_layout.tidy(frame, written, time_names(data)), written
