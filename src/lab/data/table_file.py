"""Columns of a long table, one at a time: CSV, Parquet or XLSX, by its ending.

A column leaves the reader when it is taken, and of a Parquet file only the one asked for is read, so that the float32
panel made of them is the largest thing in memory. Cost: a pass over a CSV or XLSX; about 0.1 s per million rows and
column of Parquet.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from lab.errors import Mistake, RequestError, listed, nearest

GAPS = ("", "NA", "N/A", "n/a", "#N/A", "#N/A N/A", "#NA", "<NA>", "NaN", "-NaN", "nan", "-nan", "NULL", "null", "None",
        "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN")  # fmt: skip
"""Texts that stand for a missing number, as pandas reads them."""
KINDS = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet", ".xlsx")


class TableFile(ABC):
    """Named columns as pandas Series."""

    names: list[str]
    numbers: list[str]
    """Columns of numbers."""

    @abstractmethod
    def take(self, name: str) -> Any:
        """A column, once."""

    def parts(self, name: str) -> Iterator[Any]:
        """A column in pieces that follow one another, once."""
        yield self.take(name)


class _Parquet(TableFile):
    def __init__(self, path: Path) -> None:
        import pyarrow.parquet
        import pyarrow.types

        self._file = pyarrow.parquet.ParquetFile(path, pre_buffer=False)  # no copy of what it has read
        schema = self._file.schema_arrow
        self.names = list(schema.names)
        kinds = pyarrow.types
        self.numbers = [
            field.name for field in schema
            if kinds.is_floating(field.type) or kinds.is_integer(field.type) or kinds.is_decimal(field.type)
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
    def __init__(self, frame: Any) -> None:
        self._frame = frame
        self.names = [str(name) for name in frame.columns]
        frame.columns = self.names
        self.numbers = [name for name in self.names if frame[name].dtype.kind in "iuf"]

    def take(self, name: str) -> Any:
        return self._frame.pop(name)


def open_table(path: Path, sheet: str | None, words: Collection[str] = ()) -> TableFile:
    """words: columns whose text is names, so that 'NA' and 'None' are two of them; elsewhere such words are gaps.

    Raises RequestError for a file that is not there or cannot be read as a table."""
    key, ending = "data.path", next((kind for kind in KINDS if path.name.lower().endswith(kind)), None)
    if not path.is_file():
        beside = [one.name for one in path.parent.glob("*.*")] if path.parent.is_dir() else []
        close = nearest(path.name, beside)
        what = "is a folder, not a file" if path.is_dir() else "no such file"
        raise RequestError(Mistake(key, what, f"{key}={path.parent / close}" if close else "", path))
    if ending is None:
        raise RequestError(
            Mistake(key, f"the ending is none of {', '.join(KINDS)}", "rename or convert the file", path)
        )
    try:
        found = _Parquet(path) if ending == ".parquet" else _Frame(_frame(path, ending, sheet, words))
    except ImportError as error:
        problem = "an XLSX file needs the package 'openpyxl', which is not installed"
        raise RequestError(Mistake(key, problem, "pip install -e '.[series]', or save it as CSV", path)) from error
    except Exception as error:
        raise RequestError(Mistake(key, f"cannot be read: {' '.join(str(error).split())[:160]}", value=path)) from error
    twice = sorted({name for name in found.names if found.names.count(name) > 1})
    if twice:
        raise RequestError(Mistake(key, f"has several columns of the name {listed(twice)}", "rename them", path))
    return found


def _frame(path: Path, ending: str, sheet: str | None, words: Collection[str]) -> Any:
    import pandas

    read = pandas.read_csv if ending != ".xlsx" else pandas.read_excel
    how: dict[str, Any] = {"sep": "\t" if ".tsv" in ending else ","}
    if ending == ".xlsx":
        how = {"sheet_name": 0 if sheet is None else sheet}
    names = read(path, nrows=0, **how).columns
    gaps = {name: ("",) if str(name) in words else GAPS for name in names}
    return read(path, keep_default_na=False, na_values=gaps, **how)
