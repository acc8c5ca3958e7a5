"""Columns of a long table, one at a time: CSV, Parquet or XLSX, by its ending.

A column is released when it is taken, and of a Parquet file only that column is read, so the float32 panel made of the
columns is the largest object in memory. Cost: one pass over a CSV or XLSX file; about 0.1 s per million
rows and column of Parquet.
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
from lab.core.errors import Mistake, RequestError, listed, missing_file
from lab.core.hydra_quoting import quoted
from lab.data.readers.encodings import wrong_encoding
from lab.data.readers.file_bytes import workbook_mistake
from lab.data.readers.numeric import number_formats
from lab.data.readers.numeric.data_frames import read_frame
from lab.data.readers.numeric.number_formats import NumberFormat
from lab.data.readers.timestamps.parsing import time_names

ENDINGS = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet", ".xlsx")

UNUSED_SETTINGS: dict[str, dict[str, str | int | None]] = {
    ".xlsx": {"delimiter": None, "encoding": "utf-8"},
    ".parquet": {"delimiter": None, "encoding": "utf-8", "skip_rows": 0},
}
"""Settings without effect on files of an ending, with their defaults."""


class TableFile(ABC):
    """Named columns as pandas Series."""

    names: list[str]
    header: list[str]
    """The names as written in the file, which may repeat."""
    numbers: list[str]
    """Names of the columns of numbers."""
    has_fractions: bool = False
    """Whether some column of numbers has decimals that were read with data.decimal."""
    has_text_numbers: bool = True
    """Whether some column has numbers that are stored as text."""

    @abstractmethod
    def take(self, name: str) -> Any:
        """Return a column and release it: a column can be taken once."""

    def parts(self, name: str) -> Iterator[Any]:
        """Return a column in consecutive pieces, once."""
        yield self.take(name)

    @abstractmethod
    def texts(self) -> dict[str, Any]:
        """Return the columns of text, or the first piece of each; they can still be taken."""


class _ParquetTable(TableFile):
    def __init__(self, path: Path, number_format: NumberFormat, words: Collection[str]) -> None:
        import pyarrow.parquet
        import pyarrow.types

        self._file = pyarrow.parquet.ParquetFile(path, pre_buffer=False)  # keeps no copy of the bytes read
        schema = self._file.schema_arrow
        self.names = self.header = list(schema.names)
        kinds = pyarrow.types
        self.numbers = [
            field.name for field in schema
            if kinds.is_floating(field.type) or kinds.is_integer(field.type) or kinds.is_decimal(field.type)
            or kinds.is_boolean(field.type)
        ]  # fmt: skip
        strings = [field.name for field in schema if kinds.is_string(field.type) or kinds.is_large_string(field.type)]
        self._texts = {name: self._first_group(name) for name in strings if name not in words}
        as_text = [name for name, head in self._texts.items() if _all_numbers(head, number_format)]
        self.numbers = [name for name in self.names if name in self.numbers or name in as_text]
        counts = [head.value_counts() for head in self._texts.values()]
        self.has_text_numbers = any(number_formats.mostly_numbers(texts, number_format) for texts in counts)

    def texts(self) -> dict[str, Any]:
        return {name: head for name, head in self._texts.items() if name not in self.numbers}

    def _first_group(self, name: str) -> Any:
        """The first row group of a column."""
        if not self._file.num_row_groups:
            return pd.Series([], dtype="str")
        return self._file.read_row_group(0, columns=[name], use_threads=False).column(0).to_pandas()

    def take(self, name: str) -> Any:
        import pyarrow

        column = self._file.read(columns=[name], use_threads=False).column(0).to_pandas()
        pyarrow.default_memory_pool().release_unused()  # Arrow keeps freed memory otherwise
        return column

    def parts(self, name: str) -> Iterator[Any]:
        import pyarrow

        for group in range(self._file.num_row_groups):
            yield self._file.read_row_group(group, columns=[name], use_threads=False).column(0).to_pandas()
        pyarrow.default_memory_pool().release_unused()


class _FrameTable(TableFile):
    def __init__(
        self, frame: Any, header: list[str], number_format: NumberFormat, words: Collection[str], typed: bool
    ) -> None:
        """typed: whether the file stores numbers as numbers."""
        self._frame, self.header = frame, header
        self.names = list(frame.columns)
        self._texts = {name for name in self.names if frame[name].dtype.kind not in "iufbM" and name not in words}
        for name in sorted(self._texts):
            values, wrong = number_formats.numbers(frame[name], number_format)
            if not len(wrong) and not np.isnan(values).all():
                frame[name] = values
                self._texts.remove(name)
        self.numbers = [name for name in self.names if frame[name].dtype.kind in "iufb"]
        floats = [frame[name] for name in self.numbers if frame[name].dtype.kind == "f"]
        self.has_fractions = not typed and any(bool((column.dropna() % 1 != 0).any()) for column in floats)

    def take(self, name: str) -> Any:
        return self._frame.pop(name)

    def texts(self) -> dict[str, Any]:
        return {name: self._frame[name] for name in self.names if name in self._texts}


def _all_numbers(column: Any, number_format: NumberFormat) -> bool:
    values, wrong = number_formats.numbers(column, number_format)
    return not len(wrong) and not bool(np.isnan(values).all())


def open_table(data: Table, words: Collection[str] = ()) -> TableFile:
    """Open the file that a request names. Raises RequestError for a file that does not exist or is not a table.

    words: columns of names, in which 'NA' and 'None' are names; in other columns such words are missing values.
    """
    path, key = Path(data.path).expanduser(), "data.path"
    ending = next((kind for kind in ENDINGS if path.name.lower().endswith(kind)), None)
    if (missing := missing_file(key, path, lambda other: other.name.lower().endswith(ENDINGS), "table")) is not None:
        raise RequestError(missing)
    if ending is None:
        raise RequestError(
            Mistake(key, f"the ending is none of {', '.join(ENDINGS)}", "rename or convert the file", path)
        )
    if ending != ".xlsx" and workbook_mistake(path, key):
        remedy = f"rename it, then {quoted(key, path.with_suffix('.xlsx'))}"
        raise RequestError(Mistake(key, f"is a workbook of a spreadsheet, but its name ends in {ending}", remedy, path))
    mistakes = list(_unused_settings(data, ending))
    if ending == ".parquet" and (data.decimal, data.thousands) != (".", None):
        mistakes += _unused_number_format(_opened(path, ending, data, words), data)
    if mistakes:
        raise RequestError(mistakes)
    table = _opened(path, ending, data, words)
    repeated = sorted({name for name in table.header if name and table.header.count(name) > 1})
    if repeated:
        raise RequestError(
            Mistake("data.path", f"has several columns of the name {listed(repeated)}", "rename them", path)
        )
    return table


def _unused_number_format(file: TableFile, data: Table) -> list[Mistake]:
    """Settings of the number format where no column has numbers that are stored as text."""
    if file.has_text_numbers:
        return []
    settings = {"decimal": (data.decimal, "."), "thousands": (data.thousands, "null")}
    problem = "applies to numbers stored as text, and no column of this .parquet has them"
    return [Mistake(f"data.{name}", problem, f"data.{name}={default}", value)
            for name, (value, default) in settings.items() if value not in (default, None)]  # fmt: skip


def _opened(path: Path, ending: str, data: Table, words: Collection[str]) -> TableFile:
    """Open the file. Raises RequestError in place of the errors of pandas and its readers."""
    try:
        names, number_format = {*words, *time_names(data)}, NumberFormat.of(data)
        if ending == ".parquet":
            return _ParquetTable(path, number_format, names)
        return _FrameTable(*read_frame(path, ending, data, words), number_format, names, ending == ".xlsx")
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
    """Return the error of a library that read a file, as a one-line mistake."""
    return RequestError(Mistake("data.path", f"cannot be read: {' '.join(str(error).split())[:160]}", value=path))


def _unused_settings(data: Table, ending: str) -> Iterator[Mistake]:
    """Settings that are wrong or belong to another kind of file."""
    if data.sheet is not None and ending != ".xlsx":
        yield Mistake("data.sheet", f"applies to XLSX files, and this one is {ending}", "data.sheet=null", data.sheet)
    if data.delimiter is not None and len(data.delimiter) != 1:
        yield Mistake("data.delimiter", "must be one character", quoted("data.delimiter", ";"), data.delimiter)
    try:
        codecs.lookup(data.encoding)
    except LookupError:
        yield Mistake("data.encoding", "is not an encoding that Python knows", "data.encoding=latin-1", data.encoding)
    if data.thousands is not None and (data.decimal in ("any", data.thousands)):
        problem = "is also a decimal mark according to data.decimal"
        yield Mistake("data.thousands", problem, "data.thousands=null", data.thousands)
    for name, default in UNUSED_SETTINGS.get(ending, {}).items():
        if (value := getattr(data, name)) != default:
            remedy = f"data.{name}={'null' if default is None else default}"
            yield Mistake(f"data.{name}", f"applies to text files, and this one is {ending}", remedy, value)
