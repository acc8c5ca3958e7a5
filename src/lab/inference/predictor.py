"""The interface of a predictor: cells of new rows in, cells of predictions out, one subclass per task.

A row that has no prediction keeps its place with empty cells, and its reason is reported.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import torch

from lab.core.errors import Mistake, RequestError
from lab.core.terminal.tables import Table
from lab.inference.drift.profile import Profile
from lab.inference.inputs.interface import Input, Settings
from lab.inference.inputs.opened import check_columns, open_inputs
from lab.training.doubt.novelty import Novelty

Row = Mapping[str, Any]
Cells = tuple[Any, ...]
UNCALIBRATED: Mapping[str, float] = MappingProxyType({})
"""The temperatures of a run without any: those that are not named are 1."""


@dataclass(frozen=True)
class Field:
    """A column of predictions and the kind of its cells."""

    name: str
    kind: Literal["text", "number", "whole number", "yes or no"]


@dataclass
class Predicted:
    """cells: one tuple per row, in the order of the fields; rejected: for places of rows without a prediction, why;
    unlike: for places of rows that are unlike the training rows, why, if the predictor has their limits."""

    cells: list[Cells]
    rejected: dict[int, str] = field(default_factory=dict)
    unlike: dict[int, str] = field(default_factory=dict)


class Predictor(ABC):
    """A loaded model that predicts rows."""

    needed: tuple[str, ...]
    """Columns that every input must have."""
    fields: tuple[Field, ...]
    """Columns of the predictions."""
    best: tuple[str, ...] = ()
    """Columns of the best class of each head, or of the best answer; each is followed by its probability."""
    novelty: Novelty | None = None
    """Limits of rows that are like the training rows, if the request asks for the others."""
    profile: Profile | None = None
    """Counts what the predicted rows are like, if the request asks for their drift."""

    piece_rows = 4096
    """Rows that `predict` is to get at a time, at most; the progress is shown after each piece."""

    def open(self, paths: Sequence[str], settings: Settings, columns: Mapping[str, str]) -> list[Input]:
        """Return the opened inputs. columns: as `PredictRequest.columns`. Raises RequestError with every mistake."""
        inputs = open_inputs(paths, settings)
        check_columns(inputs, self.needed, columns)
        return inputs

    @abstractmethod
    def predict(self, rows: Sequence[Row]) -> Predicted:
        """Return the predictions of some rows. A row has the same prediction alone and among others."""

    def scores(self) -> Table | None:
        """The table of scores over the rows with known labels so far; None without labels."""
        return None

    def remarks(self) -> list[str]:
        """Lines to say after the last row."""
        return []


def device_of(name: str) -> torch.device:
    """Return the device that a request names. Raises RequestError for one that this machine does not have."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    there = {"cpu": True, "mps": torch.backends.mps.is_available()}.get(name, torch.cuda.is_available())
    if name.startswith("cuda:") and there:
        there = int(name.removeprefix("cuda:")) < torch.cuda.device_count()
    if not there:
        raise RequestError(Mistake("device", "is not on this machine", "device=auto", name))
    return torch.device(name)


def by_length(lengths: Sequence[int], size: int) -> Iterator[list[int]]:
    """Yield the places of items of similar length, `size` at a time, so that batches have little padding."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    for start in range(0, len(order), size):
        yield order[start : start + size]


def cell_text(cell: object) -> str | None:
    """Return a cell as the readers of training give it: whole floats without ".0", lists as JSON; None if missing.

    >>> cell_text(3.0), cell_text("007"), cell_text(float("nan"))
    ('3', '007', None)
    """
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return None if cell != cell else str(int(cell)) if cell.is_integer() else str(cell)
    if isinstance(cell, list | dict):
        return json.dumps(cell, ensure_ascii=False)
    return str(cell)


def rounded(value: float) -> float:
    """Return a probability with seven digits, as many as fp32 has."""
    return float(f"{value:.7g}")
