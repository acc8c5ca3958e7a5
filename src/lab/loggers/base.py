"""What every logger of a run is: metrics while it trains, the outcome once, one end.

Lightning calls `finalize` after fit and again after test, so nothing may be closed there; a run ends with `finish`,
which `lab.training` calls exactly once, after exceptions too. Hyperparameters are handed to the constructors, never
taken from the module: a run is described by its resolved config alone.
"""

from abc import ABC, abstractmethod
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from lightning.pytorch.loggers.logger import Logger

from lab.core.record.fields import Status

ENDED_WELL: frozenset[Status] = frozenset({"completed", "early_stopped", "terminated"})
"""Statuses of a run that ended as it was meant to; the others are `failed` and `interrupted`."""


@dataclass(frozen=True)
class Confusion:
    """One head's test rows. matrix: (K, K) counts, rows are the truth; classes: K names."""

    matrix: npt.NDArray[np.integer[Any]]
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What a tested run came to.

    objective: as in run.json, {metric, mode, value, epoch, step}; test: metric names without the split prefix
    (`f1_macro`, `causa/f1_macro`); confusions: per head; predictions: columns of the test rows, the first ones at
    least; best: checkpoint of the best epoch, None where none was written.
    """

    objective: Mapping[str, Any]
    test: Mapping[str, float]
    confusions: Mapping[str, Confusion] = field(default_factory=dict)
    predictions: Mapping[str, Sequence[object]] = field(default_factory=dict)
    best: Path | None = None


class RunLogger(Logger, ABC):
    """A Lightning logger that also takes the outcome and knows when its run is over."""

    title: str
    """Name of its config group: `wandb`, `mlflow`, `tensorboard`, `csv`."""
    failed = False
    """Whether a call failed: it is only to be closed."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    @property
    def name(self) -> str:
        return self.title

    @property
    def version(self) -> str:
        return self.folder.name

    @property
    def save_dir(self) -> str:
        """The run folder. Where Lightning writes what is given no place."""
        return str(self.folder)

    @abstractmethod
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Values with their split prefix (`train/loss`) after `step` steps of the optimizer."""

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Nothing: see the header."""

    @abstractmethod
    def log_outcome(self, outcome: Outcome) -> None:
        """After the test: best objective, test metrics and what can be looked at."""

    @abstractmethod
    def finish(self, status: Status, reason: str = "") -> None:
        """Write what is left and close. Nothing may be logged afterwards."""


def metrics_of(outcome: Outcome) -> dict[str, float]:
    """Flat numbers of an outcome: `test/accuracy`, `best/val/f1_macro`, `best/epoch`, `best/step`."""
    best = {name: outcome.objective[name] for name in ("epoch", "step") if outcome.objective.get(name) is not None}
    if outcome.objective.get("value") is not None:
        best[str(outcome.objective["metric"])] = outcome.objective["value"]
    return {f"test/{name}": float(value) for name, value in outcome.test.items()} | {
        f"best/{name}": float(value) for name, value in best.items()
    }


def is_validation(metrics: Mapping[str, float]) -> bool:
    return any(name.startswith("val/") for name in metrics)


def is_test(metrics: Mapping[str, float]) -> bool:
    return any(name.startswith("test/") for name in metrics)
