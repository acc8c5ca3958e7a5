"""metrics.csv in the run folder: a row a validation, a column a metric, for a spreadsheet or `pandas.read_csv`.

A row is on disk as soon as it is logged; a column that turns up late, or values for the last row's step, make the file
be written anew. A resumed run first writes it anew from history.jsonl, so that it has that file's rows whatever a kill
took; a test on its own leaves it alone (its scores stand in run.json). Eight digits: what float32 holds. A value that
is not finite is an empty cell, as history.jsonl says null.
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
    """Rows to `metrics.csv`. Raises OSError when the disk is full; the fence around it turns that into a warning."""

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
        again = bool(rows) and rows[-1]["step"] == str(step)
        if again:
            row = rows.pop() | row
        rows.append(row)
        late = [name for name in row if name not in self._columns]
        self._columns += late
        if late or again:
            self._rewrite(rows)
            return
        with self.path.open("a", encoding="utf-8", newline="") as file:
            csv.DictWriter(file, self._columns).writerow(row)

    def log_outcome(self, outcome: Outcome) -> None:
        """Nothing: run.json and the classification report hold it."""

    def finish(self, status: Status, reason: str = "") -> None:
        """Nothing: every row is written by now."""

    def _rows_before(self, step: int) -> list[Row]:
        """The rows so far; at the first call those of earlier processes, which are written at once."""
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
