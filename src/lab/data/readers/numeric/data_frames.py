"""A CSV, TSV or XLSX file as a data frame: the row of its header, its sheet and its delimiter."""

import logging
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from lab.config.schema import Table
from lab.core.errors import Mistake, RequestError, listed, nearest
from lab.core.hydra_quoting import quoted
from lab.data.readers.cell_values import MISSING_WORDS
from lab.data.readers.file_bytes import sep_line_delimiter
from lab.data.readers.numeric import sheet_layout
from lab.data.readers.timestamps.parsing import columns_read_as_text, time_names

log = logging.getLogger(__name__)


def read_frame(path: Path, ending: str, data: Table, words: Collection[str]) -> tuple[Any, list[str]]:
    """Return the table and its header as written in the file: pandas adds a number to repeated names."""
    if ending != ".xlsx":
        delimiter, skipped = _layout(path, data, data.delimiter or ("\t" if ".tsv" in ending else ","))
        options = {"sep": delimiter, "encoding": data.encoding, "skiprows": skipped,
                   "low_memory": False}  # fmt: skip  # otherwise pandas guesses a type for each chunk
        return _read(partial(pd.read_csv, path, **options), data, words)
    with pd.ExcelFile(path) as book:  # opened once: opening takes most of the time
        sheet = _sheet(book, data)
        return _read(partial(pd.read_excel, book, sheet_name=sheet, skiprows=data.skip_rows), data, words)


def _layout(path: Path, data: Table, delimiter: str) -> tuple[str, int]:
    """The delimiter and the number of rows before the header of a text file. Raises RequestError if the header is in
    another row than requested."""
    lines = sheet_layout.first_lines(path, data.encoding)
    mark = sep_line_delimiter(lines[0]) if lines else None
    delimiter = mark if mark is not None and data.delimiter is None else delimiter
    skipped = max(data.skip_rows, int(mark is not None))
    header = sheet_layout.header_in_text(lines, time_names(data), delimiter, skipped)
    if header is None or header[0] == skipped:  # another delimiter is reported by `_read`
        return delimiter, skipped
    row, other = header
    if not any(line.strip() for line in lines[skipped:row]) and other == delimiter:
        return delimiter, row  # pandas skips blank lines
    settings = [f"data.skip_rows={row}"] + ([quoted("data.delimiter", other)] if other != delimiter else [])
    raise _wrong_header_row(path, row, skipped, data, " ".join(settings))


def _wrong_header_row(path: Path, row: int, skipped: int, data: Table, remedy: str) -> RequestError:
    place = f"row {skipped + 1} of {path.name} is read as the header, but {listed(time_names(data))} is in row"
    return RequestError(Mistake("data.skip_rows", f"{place} {row + 1}", remedy, data.skip_rows))


def _sheet(book: Any, data: Table) -> str:
    """The sheet to read. Raises RequestError where the header is in another sheet or below title rows."""
    sheets = [str(name) for name in book.sheet_names]
    if data.sheet not in (None, *sheets):
        remedy = quoted("data.sheet", nearest(str(data.sheet), sheets) or sheets[0])
        problem = f"no sheet of this name; the workbook has {listed(sheets)}"
        raise RequestError(Mistake("data.sheet", problem, remedy, data.sheet))
    chosen = data.sheet if data.sheet is not None else sheets[0]
    header_rows = {name: sheet_layout.header_row(_head(book, name), time_names(data), data.skip_rows)
                   for name in sheets}  # fmt: skip
    others = [name for name, row in header_rows.items() if row is not None and name != chosen]
    row = header_rows[chosen]
    if row is None and others:
        problem = f"sheet {chosen!r} has no column {listed(time_names(data))}, but {listed(others)} has"
        skipping = [f"data.skip_rows={header_rows[others[0]]}"] if header_rows[others[0]] != data.skip_rows else []
        remedy = " ".join([quoted("data.sheet", others[0]), *skipping])
        raise RequestError(Mistake("data.sheet", problem, remedy, data.sheet))
    if row is not None and row != data.skip_rows:
        raise _wrong_header_row(Path(data.path), row, data.skip_rows, data, f"data.skip_rows={row}")
    if others and data.sheet is None:
        log.warning("sheet %r is read; %s also has a column %s and is not read: %s", chosen, listed(others),
                    listed(time_names(data)), quoted("data.sheet", others[0]))  # fmt: skip
    return chosen


def _head(book: Any, sheet: str) -> list[list[object]]:
    rows: list[list[object]] = book.parse(sheet, header=None, nrows=sheet_layout.HEAD_ROWS).to_numpy().tolist()
    return rows


def _read(read: Callable[..., Any], data: Table, words: Collection[str]) -> tuple[Any, list[str]]:
    names = [str(name) for name in read(nrows=0).columns]
    marks = [mark for mark in ";\t|," if len(names) == 1 and mark in names[0]]
    if marks:
        problem = f"the file has one column, {names[0][:60]!r}"
        raise RequestError(Mistake("data.delimiter", problem, quoted("data.delimiter", marks[0]), data.delimiter))
    markers = data.missing_markers
    missing = {name: ("", *markers) if name == data.label else ("",) if name in words else (*MISSING_WORDS, *markers)
               for name in names}  # fmt: skip
    decimal = "." if data.decimal == "any" else data.decimal
    as_text = dict.fromkeys(columns_read_as_text(data), str)
    frame = read(keep_default_na=False, na_values=missing, decimal=decimal, dtype=as_text)
    if not isinstance(frame.index, pd.RangeIndex):
        raise ValueError("rows have more fields than the header")
    header = read(nrows=1, header=None, dtype=str, keep_default_na=False)
    written = [str(name) for row in header.to_numpy().tolist() for name in row]
    frame.columns = names
    return sheet_layout.without_extra_rows(frame, written, time_names(data)), written
