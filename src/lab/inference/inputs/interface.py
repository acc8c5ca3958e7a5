"""What an input of new rows is: its columns, and rows with the reason why one cannot be read.

A row that cannot be read keeps its place and number, with the cells that could be read. Rows are counted from 1,
without the header.
"""

import csv
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from lab.core.errors import Mistake, RequestError, listed
from lab.data.readers.row_file import FileSettings
from lab.inference.inputs.decoding import WRONG_ENCODING, is_sound, likely_encoding

STANDARD = "-"
"""Standard input or output."""
HEAD_ROWS = 1000
"""Rows that are looked at before anything is written; lines of JSON whose keys are the columns."""


@dataclass(frozen=True)
class Settings:
    """How text inputs are written, and the stack that closes the opened files.

    delimiter: None to detect it; quoting: a key of `csv_quotes.STYLES`; own: how the files of the run are written, for
    what is not typed (a delimiter of None, an encoding of UTF-8: nothing).
    """

    files: ExitStack

    delimiter: str | None = None
    encoding: str = "utf-8"
    quoting: str = "auto"
    own: FileSettings | None = None


@dataclass(frozen=True)
class NewRow:
    """One row of an input. fault: why it cannot be read; None for a sound row."""

    cells: Mapping[str, Any]
    file: str
    number: int
    fault: str | None = None


@dataclass
class Input:
    """An opened input. rows: cells and fault of each row, once. types: pyarrow types of columns that have one."""

    name: str
    columns: list[str]
    rows: Iterator[tuple[Mapping[str, Any], str | None]]
    types: Mapping[str, Any] = field(default_factory=dict)

    def numbered(self) -> Iterator[NewRow]:
        """Yield the rows with their numbers."""
        for number, (cells, fault) in enumerate(self.rows, 1):
            yield NewRow(cells, self.name, number, fault)


@contextmanager
def readable(typed: str) -> Iterator[None]:
    """Raise RequestError in place of the errors of readers for a file that is of another format or damaged."""
    try:
        yield
    except RequestError:
        raise
    except (OSError, EOFError, ValueError, csv.Error, zlib.error) as error:  # pyarrow's errors are ValueErrors
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise RequestError(Mistake("input", f"cannot be read: {reason}", value=typed)) from error


def refuse_header(columns: Sequence[str], typed: str, encoding: str) -> None:
    """Raises RequestError for names in another encoding, and for a name that two columns have."""
    if wrong := [name for name in columns if not is_sound(name)]:
        problem = f"its header {WRONG_ENCODING.format(encoding)}"
        raise RequestError(Mistake("input", problem, f"encoding={likely_encoding(wrong)}", typed))
    if repeated := sorted({name for name in columns if list(columns).count(name) > 1}):
        raise RequestError(Mistake("input", f"has several columns of the name {listed(repeated)}", "rename one", typed))
