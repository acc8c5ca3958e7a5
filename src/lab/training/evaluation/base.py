"""The result of a test, for any task: scores, baselines and a reference, predictions, files and a table.

Each task has a subclass in this folder or beside its definition.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lab.callbacks.resources import RATES
from lab.core.record.run_folder import RunFolder
from lab.core.terminal.tables import Table
from lab.loggers.base import Confusion
from lab.models.calibration import NO_OFFSETS, ScoredRows
from lab.training.baselines.base import Baseline

LOGGED_ROWS = 10_000
"""Test rows that loggers get, as many as a table of W&B shows; test_predictions.parquet has all rows."""


@dataclass(frozen=True)
class HeldOut:
    """Predictions on rows that the model was not trained on.

    rows: (N,) places in the split; heads: scores with the truth; columns: per head (N,) labels, and predictions as
    `HEAD_predicted`.
    """

    rows: npt.NDArray[np.int64]
    heads: Mapping[str, ScoredRows]
    columns: Mapping[str, Any]


@dataclass(frozen=True)
class EvaluationResult(ABC):
    """Results on the test rows.

    metrics: scores of the model; reference: scores of the Bayes rule where it is known; predictions: per column a list,
    Arrow array or numpy array of all rows, in input order; baselines: simple models, measured after the test;
    comparison: with the best of them, `baseline_comparison` of the record.
    """

    metrics: dict[str, float]
    reference: dict[str, float] | None
    predictions: dict[str, Any]
    baselines: tuple[Baseline, ...] = field(default=(), kw_only=True)
    comparison: Mapping[str, Any] | None = field(default=None, kw_only=True)

    @property
    def columns(self) -> dict[str, list[object]]:
        """The first `LOGGED_ROWS` rows as lists, for loggers: without columns that have several values per row."""
        flat = {name: values for name, values in self.predictions.items() if getattr(values, "ndim", 1) == 1}
        return {name: pa.array(values[:LOGGED_ROWS]).to_pylist() for name, values in flat.items()}

    @property
    def confusions(self) -> Mapping[str, Confusion]:
        """One confusion matrix per head; empty where the task has no classes."""
        return {}

    @property
    def scored_rows(self) -> Mapping[str, ScoredRows]:
        """Per head, the scores of the test rows with their truth; empty where the task has no probabilities."""
        return {}

    def calibrated(
        self,
        temperatures: Mapping[str, float],  # noqa: ARG002 (not every task has probabilities)
        offsets: Mapping[str, Sequence[float]] = NO_OFFSETS,  # noqa: ARG002
    ) -> Self:
        """The same result with the probabilities and classes that a predictor gives.

        temperatures: per head; 1 where it is not named. offsets: of heads whose class is not always the most probable
        one, what is added to the log-probabilities (K,). Without any, classes, answers and scores stay.
        """
        return self

    @abstractmethod
    def write(self, folder: RunFolder) -> None:
        """Write predictions and report into the run folder."""

    def draw(self, folder: RunFolder) -> None:  # noqa: B027 (not every task has figures)
        """Draw the figures into the run folder."""

    @abstractmethod
    def table(self) -> Table:
        """The table that the terminal shows at the end of a run."""


def split_metrics(history: list[dict[str, Any]], step: int | None) -> dict[str, dict[str, float]]:
    """{train, val}: the metrics of the best validation, after `step`, without their split prefix and without rates."""
    row: dict[str, Any] = next((row for row in reversed(history) if row["step"] == step), {})
    return {
        split: {
            name.removeprefix(f"{split}/"): value
            for name, value in row.items()
            if name.startswith(f"{split}/") and name.removeprefix(f"{split}/") not in RATES
        }
        for split in ("train", "val")
    }
