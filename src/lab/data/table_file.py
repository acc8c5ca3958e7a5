"""Columns of a long table, one at a time: CSV, Parquet or XLSX, by its ending.

A column leaves the reader when it is taken, and of a Parquet file only the one asked for is read, so that the float32
panel made of them is the largest thing in memory. Cost: a pass over a CSV or XLSX; about 0.1 s per million rows and
column of Parquet.
"""

import codecs
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from lab.data.cells import GAPS
from lab.data.encodings import wrong_encoding
from lab.data.mistaken_files import workbook
from lab.errors import Mistake, RequestError, listed, nearest, quoted
from lab.schema import Table

COMMA, POINT, HEAD = r"[-+]?\d*,\d+", r"[-+]?\d*\.\d+", 100
"""Numbers with decimals; cells of a column that are looked at."""
MOST_WORDS = 0.1
"""A column with a larger share of cells that are no numbers is one of text."""
KINDS = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet", ".xlsx")

UNREAD: dict[str, dict[str, str | None]] = {
    ".xlsx": {"delimiter": None, "encoding": "utf-8"},
    ".parquet": {"delimiter": None, "encoding": "utf-8", "decimal": "."},
}
"""Settings that say nothing of such a file, and what they are unless somebody types them."""


class TableFile(ABC):
    """Named columns as pandas Series."""

    names: list[str]
    header: list[str]
    """The names as they stand in the file, which may repeat."""
    numbers: list[str]
    """Columns of numbers."""

    @abstractmethod
    def take(self, name: str) -> Any:
        """A column, once."""

    def parts(self, name: str) -> Iterator[Any]:
        """A column in pieces that follow one another, once."""
        yield self.take(name)

    def of_other_decimals(self, form: str) -> list[str]:  # noqa: ARG002  files of text read by it
        """Columns of text that looks like numbers of a form."""
        return []

    def nearly_numbers(self, others: Collection[str | None]) -> dict[str, tuple[int, str]]:  # noqa: ARG002  as above
        """Columns but `others` of text that is numbers but for a few cells: row and text of the first such cell."""
        return {}


class _Parquet(TableFile):
    def __init__(self, path: Path) -> None:
        import pyarrow.parquet
        import pyarrow.types

        self._file = pyarrow.parquet.ParquetFile(path, pre_buffer=False)  # no copy of what it has read
        schema = self._file.schema_arrow
        self.names = self.header = list(schema.names)
        kinds = pyarrow.types
        self.numbers = [
            field.name for field in schema
            if kinds.is_floating(field.type) or kinds.is_integer(field.type) or kinds.is_decimal(field.type)
            or kinds.is_boolean(field.type)
        ]  # fmt: skip

    def take(self, name: str) -> Any:
        import pyarrow

        column = self._file.read(columns=[name], use_threads=False).column(0).to_pandas()
        pyarrow.default_memory_pool().release_unused()  # Arrow keeps what it has freed
        return column

    def parts(self, name: str) -> Iterator[Any]:
        import pyarrow

        for group in range(self._file.num_row_groups):
            yield self._file.read_row_group(group, columns=[name], use_threads=False).column(0).to_pandas()
        pyarrow.default_memory_pool().release_unused()


class _Frame(TableFile):
    def __init__(self, frame: Any, header: list[str]) -> None:
        self._frame, self.header = frame, header
        self.names = [str(name) for name in frame.columns]
        frame.columns = self.names
        self.numbers = [name for name in self.names if frame[name].dtype.kind in "iufb"]

    def take(self, name: str) -> Any:
        return self._frame.pop(name)

    def of_other_decimals(self, form: str) -> list[str]:
        words = [name for name in self.names if self._frame[name].dtype.kind not in "iufbM"]
        heads = {name: self._frame[name].dropna().head(HEAD).astype(str) for name in words}
        return [name for name, head in heads.items() if len(head) and head.str.fullmatch(form).all()]

    def nearly_numbers(self, others: Collection[str | None]) -> dict[str, tuple[int, str]]:
        found = {}
        for name in [name for name in self.names if name not in others]:
            column = self._frame[name]
            if column.dtype.kind not in "iufbM":
                known = column[~column.isna()]
                words = pd.to_numeric(known, errors="coerce").isna()
                if 0 < words.sum() <= MOST_WORDS * len(known):
                    at = known.index[words][0]
                    found[name] = (int(at), str(known[at]))
        return found


def open_table(data: Table, words: Collection[str] = ()) -> TableFile:
    """words: columns whose text is names, so that 'NA' and 'None' are two of them; elsewhere such words are gaps.

    Raises RequestError for a file that is not there or cannot be read as a table."""
    path, key = Path(data.path).expanduser(), "data.path"
    ending = next((kind for kind in KINDS if path.name.lower().endswith(kind)), None)
    if not path.is_file():
        beside = [one.name for one in path.parent.glob("*.*")] if path.parent.is_dir() else []
        close = nearest(path.name, beside)
        what = "is a folder, not a file" if path.is_dir() else "no such file"
        raise RequestError(Mistake(key, what, quoted(key, path.parent / close) if close else "", path))
    if ending is None:
        raise RequestError(
            Mistake(key, f"the ending is none of {', '.join(KINDS)}", "rename or convert the file", path)
        )
    if ending != ".xlsx" and workbook(path, key):
        remedy = f"rename it, then {quoted(key, path.with_suffix('.xlsx'))}"
        raise RequestError(Mistake(key, f"is a workbook of a spreadsheet, and its name says {ending}", remedy, path))
    if mistakes := list(_misplaced(data, ending)):
        raise RequestError(mistakes)
    found = _opened(path, ending, data, words)
    if mistakes := list(_strange(found, data, path)):
        raise RequestError(mistakes)
    return found


def _opened(path: Path, ending: str, data: Table, words: Collection[str]) -> TableFile:
    """Raises RequestError in place of what pandas and its readers raise."""
    try:
        return _Parquet(path) if ending == ".parquet" else _Frame(*_frame(path, ending, data, words))
    except ImportError as error:
        problem = "an XLSX file needs the package 'openpyxl', which is not installed"
        raise RequestError(
            Mistake("data.path", problem, "pip install -e '.[series]', or save it as CSV", path)
        ) from error
    except UnicodeError as error:
        wrong = wrong_encoding(path, "data.encoding", data.encoding)
        problem = f"{path.name} {wrong.problem}"
        raise RequestError(replace(wrong, problem=problem, value=data.encoding)) from error
    except RequestError:
        raise
    except Exception as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: Exception) -> RequestError:
    """What a library raised while it read a file, in a line."""
    return RequestError(Mistake("data.path", f"cannot be read: {' '.join(str(error).split())[:160]}", value=path))


def _misplaced(data: Table, ending: str) -> Iterator[Mistake]:
    """Settings of another kind of file."""
    if data.sheet is not None and ending != ".xlsx":
        yield Mistake("data.sheet", f"is of XLSX files, and this one is {ending}", "data.sheet=null", data.sheet)
    if data.delimiter is not None and len(data.delimiter) != 1:
        yield Mistake("data.delimiter", "must be one character", quoted("data.delimiter", ";"), data.delimiter)
    try:
        codecs.lookup(data.encoding)
    except LookupError:
        yield Mistake("data.encoding", "is no encoding Python knows", "data.encoding=latin-1", data.encoding)
    for name, value in UNREAD.get(ending, {}).items():
        if (given := getattr(data, name)) != value:
            remedy = f"data.{name}={'null' if value is None else value}"
            yield Mistake(f"data.{name}", f"is of files of text, and this one is {ending}", remedy, given)


def _strange(found: TableFile, data: Table, path: Path) -> Iterator[Mistake]:
    """Columns that show that the file was read otherwise than it was written."""
    twice = sorted({name for name in found.header if name and found.header.count(name) > 1})
    if twice:
        yield Mistake("data.path", f"has several columns of the name {listed(twice)}", "rename them", path)
    point = data.decimal == "."
    if others := found.of_other_decimals(COMMA if point else POINT):
        problem = f"{path.name} writes the numbers of {listed(others)} with a {'comma' if point else 'point'}"
        remedy = quoted("data.decimal", ",") if point else "data.decimal=."
        yield Mistake("data.decimal", problem, remedy, data.decimal)


def _frame(path: Path, ending: str, data: Table, words: Collection[str]) -> tuple[Any, list[str]]:
    """The table, and its header as it is written: pandas gives columns of one name a number each."""
    if ending != ".xlsx":
        how = {"sep": data.delimiter or ("\t" if ".tsv" in ending else ","), "encoding": data.encoding,
               "low_memory": False}  # fmt: skip  # else a kind is guessed for each piece
        return _read(partial(pd.read_csv, path, **how), data, words)
    with pd.ExcelFile(path) as book:  # once: to open it takes most of the time
        sheets = [str(name) for name in book.sheet_names]
        if data.sheet not in (None, *sheets):
            remedy = quoted("data.sheet", nearest(str(data.sheet), sheets) or sheets[0])
            problem = f"no sheet of this name; there are {listed(sheets)}"
            raise RequestError(Mistake("data.sheet", problem, remedy, data.sheet))
        sheet = 0 if data.sheet is None else data.sheet
        return _read(partial(pd.read_excel, book, sheet_name=sheet), data, words)


def _read(read: Callable[..., Any], data: Table, words: Collection[str]) -> tuple[Any, list[str]]:
    names = [str(name) for name in read(nrows=0).columns]
    marks = [mark for mark in ";\t|," if len(names) == 1 and mark in names[0]]
    if marks:
        problem = f"the file has one column, {names[0][:60]!r}"
        raise RequestError(Mistake("data.delimiter", problem, quoted("data.delimiter", marks[0]), data.delimiter))
    gaps = {name: ("",) if name in words else GAPS for name in names}
    frame = read(keep_default_na=False, na_values=gaps, decimal=data.decimal)
    if not isinstance(frame.index, pd.RangeIndex):
        raise ValueError("rows have more fields than the header")
    header = read(nrows=1, header=None, dtype=str, keep_default_na=False)
    return frame, [str(name) for row in header.to_numpy().tolist() for name in row]
