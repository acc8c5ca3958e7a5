"""The side file of rows without a prediction: `<output>.rejected.csv` with file, row and reason.

It is made when the first such row occurs. Rows are counted from 1 in each file, without the header.
"""

import csv
import logging
from pathlib import Path
from typing import IO

from lab.inference.inputs.interface import STANDARD, NewRow
from lab.inference.outputs import rejected_path

log = logging.getLogger(__name__)
COLUMNS = ("file", "row", "reason")
SHOWN = 5
"""Rows that are also named on the terminal."""


class Rejected:
    """Rows without a prediction. They are appended, so that a resumed output keeps those of its earlier commands."""

    def __init__(self, output: str, resumes: bool = False) -> None:
        self.path = None if output == STANDARD else rejected_path(Path(output).expanduser())
        self.num = self.num_before = 0
        """Rows without a prediction of this command, and of the earlier commands of a resumed output."""
        self._file: IO[str] | None = None
        self._known = self._read()
        if resumes:
            self.num_before = len(self._known - {COLUMNS[:2]})

    def _read(self) -> set[tuple[str, str]]:
        if self.path is None or not self.path.is_file() or self.path.is_symlink():
            return set()
        with self.path.open(encoding="utf-8", newline="") as file:
            return {(row[0], row[1]) for row in csv.reader(file) if len(row) == len(COLUMNS)}

    def add(self, row: NewRow, reason: str) -> None:
        """Write a row, unless an earlier command has written it."""
        self.num += 1
        if self.num <= SHOWN:
            log.warning("%s, row %d %s", row.file, row.number, reason)
        if self.path is None:
            return
        if (row.file, str(row.number)) in self._known:
            self.num_before -= self.num_before > 0
            return
        if self._file is None:
            self._file = self.path.open("a", encoding="utf-8", newline="")
            if not self._known:
                csv.writer(self._file, lineterminator="\n").writerow(COLUMNS)
        csv.writer(self._file, lineterminator="\n").writerow((row.file, row.number, reason))

    def flush(self) -> None:
        """Write what was added to disk."""
        if self._file is not None:
            self._file.flush()

    def close(self, keep: bool) -> None:
        """Close the file; keep=False removes it if this command made it."""
        if self._file is None:
            return
        self._file.close()
        if not keep and not self._known and self.path is not None:
            self.path.unlink(missing_ok=True)

    @property
    def total(self) -> int:
        """Rows of the whole output without a prediction."""
        return self.num_before + self.num

    def summary(self, num_rows: int) -> str | None:
        """One line about the rows without a prediction, of `num_rows`; None if there is none."""
        if not self.total:
            return None
        where = "" if self.path is None else f"; they are listed in {self.path}"
        return f"{self.total} of {num_rows} rows have no prediction and keep their places with empty cells{where}"
