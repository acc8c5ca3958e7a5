"""metrics.csv in the run folder: one row per validation and per logged step, one column per metric, for pandas.

Lightning's CSVLogger writes every 100 steps and deletes the file of an earlier process; here a row is on disk as soon
as it is logged, and a resumed run keeps the earlier rows. A new column, or new values for the last step, rewrite the
file. A resumed run first takes the validations from history.jsonl and the other rows from the file itself, without
those after its checkpoint. The test scores are the last row, at the step of the best checkpoint. Values have the eight
digits of float32; a value that is not finite is an empty cell.
"""

import csv
import math
from collections.abc import Mapping
from pathlib import Path

from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter

from lab.config.schema.loggers import Empty
from lab.core.files import write_whole
from lab.core.record.fields import Status, is_test
from lab.core.record.run_folder import RunFolder
from lab.core.registry import LOGGERS
from lab.loggers.base import LoggedRun, Outcome, RunLogger, metrics_of_test

Row = dict[str, str]


class MetricsFile(ExperimentWriter):
    """The rows of `metrics.csv`. Raises OSError if the disk is full."""

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder))
        self.folder, self.path = folder, Path(self.metrics_file_path)
        self._columns: list[str] = []
        self._rows: list[Row] | None = None

    def _check_log_dir_exists(self) -> None:
        """Do nothing: Lightning's deletes the file of an earlier process."""

    def log_metrics(self, metrics_dict: Mapping[str, float], step: int | None = None) -> None:
        """Write a row; values for the step of the last row are added to that row."""
        rows = self._rows_before(step)
        row = {"step": str(step)} | _cells(metrics_dict)
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

    def log_test(self, scores: Mapping[str, float], step: int) -> None:
        """Write the row of the test, after those of all steps."""
        rows = [row for row in self._rows_before(None) if not is_test(row)]
        rows.append({"step": str(step)} | _cells(scores))
        self._columns += [name for name in rows[-1] if name not in self._columns]
        self._rows = rows
        self._rewrite(rows)

    def save(self) -> None:
        """Do nothing: every row is on disk already."""

    def _rows_before(self, step: int | None) -> list[Row]:
        """Return the rows so far. The first call reads those of earlier processes, before `step` if it is given."""
        if self._rows is None:
            known = {int(row["step"]): row for row in self._rows_on_disk()}
            for validation in RunFolder(self.folder).history():
                number = int(validation.pop("step"))
                known[number] = known.get(number, {"step": str(number)}) | _cells(validation)
            self._rows = [row for number, row in sorted(known.items()) if step is None or number < step]
            self._columns = list(dict.fromkeys(name for row in self._rows for name in row))
            self._rewrite(self._rows)
        return self._rows

    def _rows_on_disk(self) -> list[Row]:
        """Return the rows of earlier processes without the test's; one without a step was left unfinished by a kill."""
        if not self.path.exists():
            return []
        with self.path.open(encoding="utf-8", newline="") as file:
            rows = [{name: value for name, value in row.items() if name and value} for row in csv.DictReader(file)]
        return [row for row in rows if row.get("step", "").isdecimal() and not is_test(row)]

    def _rewrite(self, rows: list[Row]) -> None:
        def write(aside: Path) -> None:
            with aside.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, self._columns)
                writer.writeheader()
                writer.writerows(rows)

        write_whole(self.path, write)


class CsvLogger(RunLogger, CSVLogger):
    """Lightning's CSVLogger with a `MetricsFile` as its experiment. The guard turns an OSError into a warning."""

    title = "csv"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, save_dir=folder)
        self._experiment = self.file = MetricsFile(folder)

    def log_metrics(  # type: ignore[override]  # Lightning's takes a dict alone
        self, metrics: Mapping[str, float], step: int | None = None
    ) -> None:
        if not is_test(metrics) and step is not None:
            self.file.log_metrics(metrics, step)

    def log_outcome(self, outcome: Outcome) -> None:
        self.file.log_test(metrics_of_test(outcome), int(outcome.objective.get("step") or 0))

    def finish(self, status: Status, reason: str = "") -> None:
        """Do nothing: every row is on disk already."""


@LOGGERS.register("csv")
def start(_: Empty, run: LoggedRun) -> CsvLogger:
    """Start the logger of a run."""
    return CsvLogger(run.folder)


def _cells(metrics: Mapping[str, float | None]) -> Row:
    return {
        name: "" if value is None or not math.isfinite(value) else f"{float(value):.8g}"
        for name, value in metrics.items()
    }
