"""metrics.csv in the run folder: one row a step, a column a metric, for a spreadsheet or `pandas.read_csv`.

Metrics of one step that come in several calls (validation, then the epoch's training means) share a row. A column that
turns up late makes the file be written anew, otherwise rows are appended as soon as their step is over. A resumed run
cuts the rows it will write again; a test on its own leaves the file alone (its scores stand in run.json). Eight digits:
what float32 holds.
"""

import csv
from collections.abc import Mapping
from pathlib import Path

from lab.loggers.base import Outcome, RunLogger, is_test
from lab.record import Status, write_whole

Row = dict[str, str]


class CsvLogger(RunLogger):
    """Rows to `metrics.csv`. Raises OSError when the disk is full; the fence around it turns that into a warning."""

    title = "csv"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.path = folder / "metrics.csv"
        self._columns, earlier = _read(self.path)
        self._earlier: list[Row] | None = earlier
        self._row: Row = {}

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        if is_test(metrics) or step is None:
            return
        if self._earlier is not None:
            self._cut(step)
        if self._row and self._row["step"] != str(step):
            self._write_row()
        self._row |= {"step": str(step)} | {name: f"{value:.8g}" for name, value in metrics.items()}

    def log_outcome(self, outcome: Outcome) -> None:
        """Nothing: run.json and the classification report hold it."""

    def finish(self, status: Status, reason: str = "") -> None:
        self._write_row()

    def _cut(self, step: int) -> None:
        """Keep of an earlier process's rows those before `step`."""
        assert self._earlier is not None
        kept = [row for row in self._earlier if int(row["step"]) < step]
        if kept != self._earlier:
            self._rewrite(kept)
        self._earlier = None

    def _write_row(self) -> None:
        if not self._row:
            return
        row, self._row = self._row, {}
        late = [name for name in row if name not in self._columns]
        if late:
            self._columns += late
            self._rewrite([*_read(self.path)[1], row])
            return
        with self.path.open("a", encoding="utf-8", newline="") as file:
            csv.DictWriter(file, self._columns).writerow(row)

    def _rewrite(self, rows: list[Row]) -> None:
        def write(aside: Path) -> None:
            with aside.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, self._columns)
                writer.writeheader()
                writer.writerows(rows)

        write_whole(self.path, write)


def _read(path: Path) -> tuple[list[str], list[Row]]:
    """Columns and rows so far; empty where there is no file. A last line torn by a kill is left out."""
    if not path.exists():
        return [], []
    text = path.read_text(encoding="utf-8")
    reader = csv.DictReader(text[: text.rfind("\n") + 1].splitlines())
    return list(reader.fieldnames or []), [{name: cell for name, cell in row.items() if cell} for row in reader]
