"""Predictions of a custom LightningModule by its own `predict_step`.

`rows_to_batch(rows)` of the module makes the batch of some rows (mappings of column to cell). Without it the batch is a
dict of columns: a float tensor (B,) where all cells are numbers, else a list of texts. `predict_step` returns a dict of
columns, each a tensor (B,) or a list of B cells, or one tensor (B,), which becomes the column `prediction`.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.utilities.apply_func import move_data_to_device
from lightning.pytorch.utilities.model_helpers import is_overridden

from lab.core.errors import Mistake, RequestError, RunError, listed, nearest
from lab.inference.inputs.interface import Input, Settings
from lab.inference.predictor import Cells, Field, Predicted, Predictor, Row, cell_text

PREDICTION = "prediction"
"""Column of a module that returns one tensor."""


class CustomPredictor(Predictor):
    """Cells that a module returns. columns: for columns that the module reads, their names in the input.

    The columns of predictions are those that the module returns for the first row. Raises RequestError for a module
    without `predict_step` and `forward`.
    """

    needed: tuple[str, ...] = ()
    fields: tuple[Field, ...] = ()

    def __init__(
        self, model: pl.LightningModule, columns: Mapping[str, str], batch_size: int, device: torch.device
    ) -> None:
        if not (is_overridden("predict_step", model) or is_overridden("forward", model)):
            problem = f"its module {type(model).__name__} has neither predict_step nor forward"
            raise RequestError(Mistake("run", problem, "a module with a predict_step: docs/plugins.md"))
        self.model, self.batch_size, self.device = model.to(device), batch_size, device
        self.own_names = {given: own for own, given in columns.items()}

    def open(self, paths: Sequence[str], settings: Settings, columns: Mapping[str, str]) -> list[Input]:
        inputs = super().open(paths, settings, columns)
        first = next(filter(None, map(_first_sound, inputs)), None)
        if first is None:
            raise RequestError(Mistake("input", "has no row that can be read", value=listed(list(paths))))
        self.learn_fields(first)
        return inputs

    def learn_fields(self, row: Row) -> None:
        """Take the columns of predictions from those of a row. Raises RequestError if the module cannot read it."""
        try:
            made = self._columns_of([row])
        except KeyError as error:
            problem = f"has no column {error}, which the module reads; it has {listed(list(row))}"
            raise RequestError(
                Mistake(
                    "input",
                    problem,
                    f"'columns={{{error.args[0]}: {nearest(str(error.args[0]), row) or next(iter(row))}}}'",
                )
            ) from error
        except ValueError as error:
            raise RequestError(Mistake("run", f"its predict_step {error}", "docs/plugins.md")) from error
        self.fields = tuple(Field(name, _kind(cells[0])) for name, cells in made.items())

    def predict(self, rows: Sequence[Row]) -> Predicted:
        cells: list[Cells] = []
        for start in range(0, len(rows), self.batch_size):
            try:
                made = self._columns_of(rows[start : start + self.batch_size])
            except ValueError as error:
                raise RunError(f"predict_step {error}") from error
            if list(made) != [field.name for field in self.fields]:
                raise RunError(f"predict_step returned the columns {listed(list(made))}, and others for the first row")
            cells += zip(*made.values(), strict=True)
        return Predicted(cells)

    @torch.inference_mode()
    def _columns_of(self, rows: Sequence[Row]) -> dict[str, list[Any]]:
        """The cells of each column. Raises ValueError for another result of `predict_step`, in words."""
        own = [{self.own_names.get(name, name): cell for name, cell in row.items()} for row in rows]
        make = getattr(self.model, "rows_to_batch", _columns)
        result = self.model.predict_step(move_data_to_device(make(own), self.device), 0)
        columns = result if isinstance(result, dict) else {PREDICTION: result}
        return {str(name): _cells(values, len(rows)) for name, values in columns.items()}


def _first_sound(source: Input) -> Row | None:
    """The first row of an input that can be read. It stays in the input."""
    seen, found = [], None
    for cells, fault in source.rows:
        seen.append((cells, fault))
        if fault is None:
            found = cells
            break
    source.rows = itertools.chain(seen, source.rows)
    return found


def _columns(rows: Sequence[Row]) -> dict[str, Any]:
    """The batch of a module without `rows_to_batch`."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return {name: _column([row.get(name) for row in rows]) for name in names}


def _column(cells: Sequence[Any]) -> Any:
    try:
        return torch.tensor([float(cell) for cell in cells])
    except (TypeError, ValueError):
        return [cell_text(cell) or "" for cell in cells]


def _cells(values: Any, num: int) -> list[Any]:
    if isinstance(values, torch.Tensor) and values.shape == (num,):
        plain: list[Any] = values.cpu().tolist()
        return plain
    if isinstance(values, list | tuple) and len(values) == num:
        return [value.item() if isinstance(value, torch.Tensor) else value for value in values]
    given = f"a tensor {tuple(values.shape)}" if isinstance(values, torch.Tensor) else type(values).__name__
    raise ValueError(f"returned {given} for {num} rows, and not a tensor ({num},), a list of {num} or a dict of these")


def _kind(cell: Any) -> Any:
    if isinstance(cell, bool):
        return "yes or no"
    if isinstance(cell, str) or cell is None:
        return "text"
    return "whole number" if isinstance(cell, int) else "number"
