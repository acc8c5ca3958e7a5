"""The base class of a run's loggers: metrics during training, the outcome once, and one end.

A logger inherits from `RunLogger` first and from Lightning's logger second, whose `experiment` stays reachable. The
folder, resuming and the end are different: Lightning calls `finalize` after fit and again after test, so nothing may be
closed there. A run ends with `finish`, which `lab.training` calls exactly once, also after an exception. The
hyperparameters are the resolved config, which the constructors receive; they are never taken from the module.
"""

from abc import ABC, abstractmethod
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from lightning.pytorch.loggers.logger import Logger

from lab.core.record.fields import Status

ENDED_WELL: frozenset[Status] = frozenset({"completed", "early_stopped", "terminated"})
"""Statuses of a run that has a result; the others are `failed` and `interrupted`."""


@dataclass(frozen=True)
class Confusion:
    """The confusion matrix of one head on the test rows.

    matrix: (K, K) counts, true classes by predicted classes; classes: K names.
    """

    matrix: npt.NDArray[np.integer[Any]]
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """The results of a tested run.

    objective: as in run.json, {metric, mode, value, epoch, step}; test: metric names without the split prefix
    (`f1_macro`, `causa/f1_macro`); confusions: by head; predictions: columns of the test rows, at least of the first
    rows; best: the checkpoint of the best epoch, None if none was written.
    """

    objective: Mapping[str, Any]
    test: Mapping[str, float]
    confusions: Mapping[str, Confusion] = field(default_factory=dict)
    predictions: Mapping[str, Sequence[object]] = field(default_factory=dict)
    best: Path | None = None


@dataclass(frozen=True)
class LoggedRun:
    """What a logger is started with.

    folder: the run folder; config: config.yaml as a tree, so that a tracking service shows exactly what the folder
    says; study: name of the run's sweep.
    """

    folder: Path
    config: Mapping[str, Any]
    name: str
    tags: tuple[str, ...] = ()
    study: str | None = None


class RunLogger(Logger, ABC):
    """A Lightning logger that also receives the outcome and the end of its run."""

    title: str
    """Name of its config group: `wandb`, `mlflow`, `tensorboard`, `csv`."""
    failed = False
    """True after a call has failed: from then on the logger is only closed."""

    def __init__(self, folder: Path, **lightning: Any) -> None:
        """folder: the run folder; lightning: arguments of the Lightning logger that a subclass also inherits from."""
        super().__init__(**lightning)
        self.folder = folder

    @property
    def name(self) -> str:
        return self.title

    @property
    def version(self) -> str:
        return self.folder.name

    @property
    def save_dir(self) -> str:
        """The run folder, where Lightning writes files without a folder of their own."""
        return str(self.folder)

    @property
    def root_dir(self) -> str:
        return str(self.folder)

    @property
    def log_dir(self) -> str:
        return str(self.folder)

    @abstractmethod
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log values with their split prefix (`train/loss`) after `step` optimizer steps."""

    def log_hyperparams(self, params: dict[str, Any] | Namespace | None = None, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the config contains them."""

    def finalize(self, status: str = "success") -> None:
        """Save, and leave everything open: the test and the outcome follow."""
        self.save()

    @abstractmethod
    def log_outcome(self, outcome: Outcome) -> None:
        """Log the results after the test: best objective, test metrics, tables and figures."""

    @abstractmethod
    def finish(self, status: Status, reason: str = "") -> None:
        """Write what remains and close. Nothing may be logged afterwards."""


def outcome_metrics(outcome: Outcome) -> dict[str, float]:
    """Return an outcome as flat numbers: `test/accuracy`, `best/val/f1_macro`, `best/epoch`, `best/step`."""
    best = {name: outcome.objective[name] for name in ("epoch", "step") if outcome.objective.get(name) is not None}
    if outcome.objective.get("value") is not None:
        best[str(outcome.objective["metric"])] = outcome.objective["value"]
    return metrics_of_test(outcome) | {f"best/{name}": float(value) for name, value in best.items()}


def leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of a config with dotted keys (`optimizer.lr`); a list and an empty mapping are one value.

    >>> dict(leaves({"seed": 1, "optimizer": {"lr": 0.1, "betas": [0.9, 0.999]}}))
    {'seed': 1, 'optimizer.lr': 0.1, 'optimizer.betas': [0.9, 0.999]}
    """
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def figures(folder: Path) -> list[Path]:
    """Return the figures of a run as PNG files, by name."""
    return sorted((folder / "figures").glob("*.png"))


def metrics_of_test(outcome: Outcome) -> dict[str, float]:
    """Return the test metrics of an outcome under their full names, `test/accuracy`."""
    return {f"test/{name}": float(value) for name, value in outcome.test.items()}
