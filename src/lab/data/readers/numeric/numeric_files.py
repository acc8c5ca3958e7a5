"""Columns of a long table, one at a time: CSV, Parquet or XLSX, by its ending.

A column leaves the reader when it is taken, and of a Parquet file only the one asked for is read, so that the float32
panel made of them is the largest thing in memory. Cost: a pass over a CSV or XLSX; about 0.1 s per million rows and
column of Parquet.
"""

import codecs
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lab.cli.optional_packages import not_installed
from lab.config.schema import Table
from lab.core.errors import Mistake, RequestError, listed, nearest
from lab.core.hydra_quoting import quoted
from lab.data.readers.encodings import wrong_encoding
from lab.data.readers.file_checks import workbook
from lab.data.readers.numeric import number_formats
from lab.data.readers.numeric.data_frames import read_frame
from lab.data.readers.numeric.number_formats import Spelling
from lab.data.readers.timestamps.parsing import time_names

KINDS = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet", ".xlsx")

UNREAD: dict[str, dict[str, str | int | None]] = {
    ".xlsx": {"delimiter": None, "encoding": "utf-8"},
    ".parquet": {"delimiter": None, "encoding": "utf-8", "skip_rows": 0},
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

    def texts(self) -> dict[str, Any]:
        """Columns of text, or the first piece of each, which `take` still gives."""
        return {}

    fractions: bool = False
    """Whether some column of numbers has decimals that are read by data.decimal."""
    spelt: bool = True
    """Whether some column has numbers that are text."""


class _Parquet(TableFile):
    def __init__(self, path: Path, spelling: Spelling, words: Collection[str]) -> None:
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
        strings = [field.name for field in schema if kinds.is_string(field.type) or kinds.is_large_string(field.type)]
        self._texts = {name: self._first(name) for name in strings if name not in words}
        written = [name for name, head in self._texts.items() if _all_numbers(head, spelling)]
        self.numbers = [name for name in self.names if name in self.numbers or name in written]
        self.spelt = any(number_formats.numeric(head.value_counts(), spelling) for head in self._texts.values())

    def texts(self) -> dict[str, Any]:
        return {name: head for name, head in self._texts.items() if name not in self.numbers}

    def _first(self, name: str) -> Any:
        """The first row group of a column."""
        if not self._file.num_row_groups:
            return pd.Series([], dtype="str")
        return self._file.read_row_group(0, columns=[name], use_threads=False).column(0).to_pandas()

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
    def __init__(self, frame: Any, header: list[str], spelling: Spelling, words: Collection[str], typed: bool) -> None:
        """typed: the file has numbers that are no text."""
        self._frame, self.header = frame, header
        self.names = list(frame.columns)
        self._texts = {name for name in self.names if frame[name].dtype.kind not in "iufbM" and name not in words}
        for name in sorted(self._texts):
            values, wrong = number_formats.numbers(frame[name], spelling)
            if not len(wrong) and not np.isnan(values).all():
                frame[name] = values
                self._texts.remove(name)
        self.numbers = [name for name in self.names if frame[name].dtype.kind in "iufb"]
        floats = [frame[name] for name in self.numbers if frame[name].dtype.kind == "f"]
        self.fractions = not typed and any(bool((column.dropna() % 1 != 0).any()) for column in floats)

    def take(self, name: str) -> Any:
        return self._frame.pop(name)

    def texts(self) -> dict[str, Any]:
        return {name: self._frame[name] for name in self.names if name in self._texts}


def _all_numbers(column: Any, spelling: Spelling) -> bool:
    values, wrong = number_formats.numbers(column, spelling)
    return not len(wrong) and not bool(np.isnan(values).all())


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
    mistakes = list(_misplaced(data, ending))
    if ending == ".parquet" and (data.decimal, data.thousands) != (".", None):
        mistakes += _without_texts(_opened(path, ending, data, words), data)
    if mistakes:
        raise RequestError(mistakes)
    found = _opened(path, ending, data, words)
    if mistakes := list(_strange(found, path)):
        raise RequestError(mistakes)
    return found


def _without_texts(file: TableFile, data: Table) -> list[Mistake]:
    """The spelling of numbers where no column has numbers that are text."""
    if file.spelt:
        return []
    given = {"decimal": (data.decimal, "."), "thousands": (data.thousands, "null")}
    problem = "is of numbers that are text, and no column of this .parquet has them"
    return [Mistake(f"data.{name}", problem, f"data.{name}={default}", value)
            for name, (value, default) in given.items() if value not in (default, None)]  # fmt: skip


def _opened(path: Path, ending: str, data: Table, words: Collection[str]) -> TableFile:
    """Raises RequestError in place of what pandas and its readers raise."""
    try:
        names, spelling = {*words, *time_names(data)}, Spelling.of(data)
        if ending == ".parquet":
            return _Parquet(path, spelling, names)
        return _Frame(*read_frame(path, ending, data, words), spelling, names, ending == ".xlsx")
    except ImportError as error:
        problem = "an XLSX file needs the package 'openpyxl', which is not installed"
        raise RequestError(not_installed("data.path", "openpyxl", "save it as CSV", path, problem)) from error
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
    if data.thousands is not None and (data.decimal in ("any", data.thousands)):
        problem = "is a mark of decimals as well: data.decimal says so"
        yield Mistake("data.thousands", problem, "data.thousands=null", data.thousands)
    for name, value in UNREAD.get(ending, {}).items():
        if (given := getattr(data, name)) != value:
            remedy = f"data.{name}={'null' if value is None else value}"
            yield Mistake(f"data.{name}", f"is of files of text, and this one is {ending}", remedy, given)


def _strange(found: TableFile, path: Path) -> Iterator[Mistake]:
    """Columns of one name."""
    twice = sorted({name for name in found.header if name and found.header.count(name) > 1})
    if twice:
        yield Mistake("data.path", f"has several columns of the name {listed(twice)}", "rename them", path)
