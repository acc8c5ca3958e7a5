"""Rows of requests in the form that a predictor reads: as they are, or as one table of series per request.

What a custom module reads is not known before it reads it, so a server of one takes the columns of an example.
"""

import math
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.config.schema import Table
from lab.config.schema.commands.serve import ServeRequest
from lab.core.errors import Mistake, RequestError, listed
from lab.data.readers.timestamps.parsing import time_names
from lab.inference.custom import CustomPredictor
from lab.inference.inputs.interface import Settings
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


def intake_of(predictor: Predictor, request: ServeRequest) -> Intake:
    """Return the intake of a predictor. Raises RequestError for a custom module without `example=`, for an example that
    it cannot read, and for an example of another model."""
    if isinstance(predictor, CustomPredictor):
        return ExampleIntake(predictor, request)
    if request.example is not None:
        problem = "is for models of one's own (model=custom); this one names its columns"
        raise RequestError(Mistake("example", problem, "example=null", request.example))
    return SeriesIntake(predictor) if isinstance(predictor, SeriesPredictor) else PlainIntake(predictor.needed)


class PlainIntake(Intake):
    """Each row is predicted by itself. Other columns than the needed ones are left out, labels too."""

    def __init__(self, needed: tuple[str, ...]) -> None:
        self.needed = needed

    def prepare(self, rows: Sequence[Row]) -> Prepared:
        return Prepared([{name: row.get(name) for name in self.needed} for row in rows])


class ExampleIntake(Intake):
    """Rows with the columns of an example, whose cells are numbers where those of the example are.

    A module may read a column of numbers in another way as soon as one cell is none, so such a row is left out.
    """

    def __init__(self, predictor: CustomPredictor, request: ServeRequest) -> None:
        if request.example is None:
            name = type(predictor.model).__name__
            problem = f"its own module {name} does not name the columns that it reads and returns"
            remedy = "example=rows.csv, a file with a row as predict.py reads it"
            raise RequestError(Mistake("run", f"cannot be served without an example: {problem}", remedy, request.run))
        with ExitStack() as files:
            try:
                (source,) = predictor.open([request.example], Settings(files), {})
            except RequestError as error:
                raise RequestError(_of_example(mistake) for mistake in error.mistakes) from error
            first = next(cells for cells, fault in source.rows if fault is None)
        self.needed = tuple(first)
        self.numbers = frozenset(name for name, cell in first.items() if _is_number(cell))

    def prepare(self, rows: Sequence[Row]) -> Prepared:
        own = [{name: row.get(name) for name in self.needed} for row in rows]
        wrong = {place: [name for name in self.needed if name in self.numbers and not _is_number(row[name])]
                 for place, row in enumerate(own)}  # fmt: skip
        faults = {place: f"has no number in {listed(names)}" for place, names in wrong.items() if names}
        return Prepared(list(own), faults)


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
        self.predictor.lines.clear()


def _of_example(mistake: Mistake) -> Mistake:
    key = "example" if mistake.key == "input" else mistake.key
    return Mistake(key, mistake.problem, mistake.remedy.replace("input=", "example="), mistake.value)


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


def _is_number(cell: Any) -> bool:
    try:
        return math.isfinite(float(cell))
    except (TypeError, ValueError, OverflowError):
        return False
