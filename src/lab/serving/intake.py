"""Rows of requests in the form that a predictor reads: as they are, or as one table of series per request."""

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.config.schema import Table
from lab.core.errors import Mistake, RequestError
from lab.data.readers.timestamps.parsing import time_names
from lab.inference.inputs import Settings
from lab.inference.new_windows import table_settings
from lab.inference.predictor import Field, Predictor, Row, cell_text
from lab.inference.series import SeriesPredictor

THE_ROWS = "the request"
"""Stands in messages for the file of a request's table."""


@dataclass
class Prepared:
    """Rows of one request for its predictor. faults: why a row cannot be predicted, by its place."""

    rows: list[Row]
    faults: dict[int, str] = field(default_factory=dict)


class Intake(ABC):
    """needed: columns of every row of a request; carried: columns of the answer that come from the rows."""

    needed: tuple[str, ...]
    carried: tuple[Field, ...] = ()
    rows_are_windows = False
    """Whether an answer has a prediction for each window of the rows, not for each row."""

    @abstractmethod
    def prepare(self, rows: Sequence[Row]) -> Prepared:
        """Return the rows for the predictor. Raises RequestError for rows that make no input."""

    def done(self) -> None:  # noqa: B027
        """Release what the rows of a batch needed."""


def intake_of(predictor: Predictor) -> Intake:
    """Return the intake of a predictor."""
    return SeriesIntake(predictor) if isinstance(predictor, SeriesPredictor) else PlainIntake(predictor.needed)


class PlainIntake(Intake):
    """Each row is predicted by itself. Other columns than the needed ones are left out, labels too."""

    def __init__(self, needed: tuple[str, ...]) -> None:
        self.needed = needed

    def prepare(self, rows: Sequence[Row]) -> Prepared:
        return Prepared([{name: row.get(name) for name in self.needed} for row in rows])


class SeriesIntake(Intake):
    """The rows of a request are a table, which is cut into windows. Other columns than the needed ones are left out."""

    rows_are_windows = True

    def __init__(self, predictor: SeriesPredictor) -> None:
        if isinstance(predictor.data, Table):  # how the run's own file was written; a request has a form of its own
            form = {"skip_rows": 0, "sheet": None, "delimiter": None, "encoding": "utf-8"}
            predictor.data = predictor.data.model_copy(update=form)
        self.predictor = predictor
        table = table_settings(predictor.data, "", predictor.features, {}, None, "utf-8")
        group, times = [table.group] if table.group else [], time_names(table)
        self.needed = tuple(dict.fromkeys([*group, *times, *predictor.features]))
        self.carried = tuple(Field(name, "text") for name in [*group, " ".join(times)])

    def prepare(self, rows: Sequence[Row]) -> Prepared:
        with tempfile.TemporaryDirectory(prefix="lab-serve-") as folder, ExitStack() as files:
            path = Path(folder) / "rows.parquet"
            _write_table(path, {name: [row.get(name) for row in rows] for name in self.needed})
            try:
                inputs = self.predictor.open([str(path)], Settings(files), {})
            except RequestError as error:
                raise RequestError(_without_path(mistake, str(path)) for mistake in error.mistakes) from error
            found = list(inputs[0].rows)
        return Prepared(
            [cells for cells, _ in found],
            {place: fault for place, (_, fault) in enumerate(found) if fault is not None},
        )

    def done(self) -> None:
        self.predictor.windows.clear()


def _without_path(mistake: Mistake, path: str) -> Mistake:
    value = None if mistake.value is None else str(mistake.value).replace(path, THE_ROWS)
    return Mistake("rows", mistake.problem.replace(path, THE_ROWS), mistake.remedy.replace(path, THE_ROWS), value)


def _write_table(path: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write columns as Parquet: one of numbers as numbers, any other as text as predict.py reads it."""
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table({name: _column(cells) for name, cells in columns.items()}), path)


def _column(cells: Sequence[Any]) -> Any:
    import pyarrow

    known = [cell for cell in cells if cell is not None]
    if known and all(isinstance(cell, int) and abs(cell) < 2**63 for cell in known):
        return pyarrow.array([None if cell is None else int(cell) for cell in cells], pyarrow.int64())
    if all(isinstance(cell, int | float) for cell in known):
        return pyarrow.array([None if cell is None else _number(cell) for cell in cells], pyarrow.float64())
    return pyarrow.array([cell_text(cell) for cell in cells], pyarrow.string())


def _number(cell: float) -> float | None:
    """Return a cell as a float; None for a whole number that is beyond floats."""
    try:
        return float(cell)
    except OverflowError:
        return None
