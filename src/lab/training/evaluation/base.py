"""What a test came to, whatever the task: scores beside what they are compared with, predictions, files, a table."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from lab.callbacks.resources import RATES
from lab.core.record.run_folder import RunFolder
from lab.core.terminal.tables import Table
from lab.loggers.base import Confusion

LOGGED_ROWS = 10_000
"""As many rows as a table of W&B shows; all are in test_predictions.parquet."""


@dataclass(frozen=True)
class Tested(ABC):
    """Results on the test rows.

    Scores of the model and of what it is compared with. predictions: per column a list, Arrow array or numpy array of
    all rows, in input order.
    """

    metrics: dict[str, float]
    baselines: dict[str, dict[str, float]]
    reference: dict[str, float] | None
    predictions: dict[str, Any]

    @property
    def columns(self) -> dict[str, list[object]]:
        """The first `LOGGED_ROWS` rows as lists, without the columns that hold a list a row: what loggers can show."""
        flat = {name: values for name, values in self.predictions.items() if getattr(values, "ndim", 1) == 1}
        return {name: pa.array(values[:LOGGED_ROWS]).to_pylist() for name, values in flat.items()}

    @property
    def confusions(self) -> Mapping[str, Confusion]:
        """One matrix a head; none where the task has no classes."""
        return {}

    @abstractmethod
    def write(self, folder: RunFolder) -> None:
        """Predictions and report into the run folder."""

    def draw(self, folder: RunFolder) -> None:  # noqa: B027 (not every task has pictures)
        """Figures into the run folder."""

    @abstractmethod
    def table(self) -> Table:
        """What a person sees at the end."""


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
