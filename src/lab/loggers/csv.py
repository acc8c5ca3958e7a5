"""metrics.csv in the run folder: one row per validation, one column per metric, for a spreadsheet or pandas.

A row is on disk as soon as it is logged. A new column, or new values for the last step, rewrite the file. A resumed run
first rewrites it from history.jsonl, so that both have the same rows after a kill; a test alone leaves it unchanged,
since its scores are in run.json. Values have the eight digits of float32; one that is not finite is an empty cell.
"""

import csv
import math
from collections.abc import Mapping
from pathlib import Path

from lab.core.files import write_whole
from lab.core.record.fields import Status
from lab.core.record.run_folder import RunFolder
from lab.loggers.base import Outcome, RunLogger, is_test

Row = dict[str, str]


class CsvLogger(RunLogger):
    """Writes rows to `metrics.csv`. Raises OSError if the disk is full; the guard turns that into a warning."""

    title = "csv"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.path = folder / "metrics.csv"
        self._columns: list[str] = []
        self._rows: list[Row] | None = None

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        if is_test(metrics) or step is None:
            return
        rows = self._rows_before(step)
        row = {"step": str(step)} | _cells(metrics)
        same_step = bool(rows) and rows[-1]["step"] == str(step)
        if same_step:
            row = rows.pop() | row
        rows.append(row)
        new_columns = [name for name in row if name not in self._columns]
        self._columns += new_columns
        if new_columns or same_step:
            self._rewrite(rows)
            return
        with self.path.open("a", encoding="utf-8", newline="") as file:
            csv.DictWriter(file, self._columns).writerow(row)

    def log_outcome(self, outcome: Outcome) -> None:
        """Do nothing: run.json and the classification report contain the outcome."""

    def finish(self, status: Status, reason: str = "") -> None:
        """Do nothing: every row is on disk already."""

    def _rows_before(self, step: int) -> list[Row]:
        """Return the rows so far. The first call reads those of earlier processes and writes them at once."""
        if self._rows is None:
            history = [row for row in RunFolder(self.folder).history() if row["step"] < step]
            self._rows = [{"step": str(row.pop("step"))} | _cells(row) for row in history]
            self._columns = list(dict.fromkeys(name for row in self._rows for name in row))
            self._rewrite(self._rows)
        return self._rows

    def _rewrite(self, rows: list[Row]) -> None:
        def write(aside: Path) -> None:
            with aside.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, self._columns)
                writer.writeheader()
                writer.writerows(rows)

        write_whole(self.path, write)


def _cells(metrics: Mapping[str, float | None]) -> Row:
    return {
        name: "" if value is None or not math.isfinite(value) else f"{value:.8g}" for name, value in metrics.items()
    }
