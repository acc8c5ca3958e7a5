"""The interface of a format of files of rows: one subclass of `RowFile` per format.

A new format is a module with a subclass and one entry in `lab.data.readers.text_files.FORMATS`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from lab.core.errors import Mistake


@dataclass(frozen=True)
class FileSettings:
    """How a text file is written. delimiter: None to detect it; quoting: a key of `csv_quotes.STYLES`."""

    delimiter: str | None = None
    encoding: str = "utf-8"
    quoting: str = "auto"


@dataclass(frozen=True)
class RowFile(ABC):
    """A file of rows. key: config key that named it, for error messages; settings: how it is written."""

    path: Path
    key: str
    settings: FileSettings

    read_settings: ClassVar[tuple[str, ...]]
    """Fields of `FileSettings` that change how a file of this format is read."""

    @abstractmethod
    def write_rows(self, target: Path) -> Mapping[str, Mapping[str, int]]:
        """Write the rows as an Arrow stream of strings; return the kinds of JSON values by column, if any.

        Raises RequestError for a file that would be read wrongly, and the errors of the underlying reader.
        """

    @abstractmethod
    def head(self, num: int) -> dict[str, list[str | None]]:
        """Return the first `num` rows as text, by column. Raises the errors of the underlying reader."""

    @property
    def repeated(self) -> tuple[str, ...]:
        """Names that occur more than once in the header."""
        return ()

    def explain(self, reason: str) -> Mistake:
        """Return the mistake of a file that the reader rejected for `reason`."""
        return Mistake(self.key, f"cannot be read: {reason}", value=self.path)

    def remedy_in(self, encoding: str) -> str:  # noqa: ARG002  a format without further settings
        """Return what else has to be typed if the file is read in another encoding; empty if nothing has to."""
        return ""
