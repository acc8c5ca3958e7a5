"""metrics.csv in the run folder: a row per validation and per logged step, a column per metric, for pandas.

A row is on disk as soon as it is logged. A new column, or new values for the last step, rewrite the file. A resumed run
first takes the validations from history.jsonl and the steps from the file itself, so that it has no row after its
checkpoint; a test alone leaves it unchanged, since its scores are in run.json. Values have the eight digits of float32;
one that is not finite is an empty cell.
"""

import csv
import math
from collections.abc import Mapping
from pathlib import Path

from lab.core.files import write_whole
from lab.core.record.fields import Status
from lab.core.record.run_folder import RunFolder
from lab.loggers.base import Outcome, RunLogger, is_test, is_validation

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
            known = {int(row["step"]): row for row in self._steps_on_disk()}
            for validation in RunFolder(self.folder).history():
                number = int(validation.pop("step"))
                known[number] = known.get(number, {"step": str(number)}) | _cells(validation)
            self._rows = [row for number, row in sorted(known.items()) if number < step]
            self._columns = list(dict.fromkeys(name for row in self._rows for name in row))
            self._rewrite(self._rows)
        return self._rows

    def _steps_on_disk(self) -> list[Row]:
        """Return the rows of steps that were logged without a validation; a row that a kill left unfinished is none."""
        if not self.path.exists():
            return []
        with self.path.open(encoding="utf-8", newline="") as file:
            rows = [{name: value for name, value in row.items() if name and value} for row in csv.DictReader(file)]
        return [row for row in rows if row.get("step", "").isdecimal() and not is_validation(row)]

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
