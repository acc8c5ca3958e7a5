"""Any other logger of Lightning or of a plug-in behind the interface of a run's loggers: `logger.extra`.

It gets the config as hyperparameters with dotted keys, every metric, and the outcome as points at the step of the best
checkpoint. Lightning finalizes loggers after fit and after test; this one is only saved then, and finalized at the end.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers.logger import Logger

from lab.core.record.fields import Status, is_test
from lab.loggers.base import ENDED_WELL, Outcome, RunLogger, leaves, outcome_metrics


class ExtraLogger(RunLogger):
    """A logger of Lightning as it is."""

    def __init__(self, title: str, folder: Path, logger: Logger, config: Mapping[str, Any]) -> None:
        """title: its name below `logger.extra`; config: the resolved config."""
        super().__init__(folder)
        self.title, self.logger = title, logger
        logger.log_hyperparams(dict(leaves(config)))

    @property
    def kind(self) -> type:
        """The class that `isinstance` sees through the fence."""
        return type(self.logger)

    @property
    def experiment(self) -> Any:
        """The object of the tracking package."""
        return getattr(self.logger, "experiment", None)

    def __getattr__(self, name: str) -> Any:
        """What only the logger has, such as `log_image`."""
        if name.startswith("_") or name == "logger":
            raise AttributeError(name)
        return getattr(self.logger, name)

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        if not is_test(metrics):  # the outcome has the test scores, at the step of the best checkpoint
            self.logger.log_metrics(dict(metrics), step)

    def log_graph(self, *args: Any, **kwargs: Any) -> None:
        self.logger.log_graph(*args, **kwargs)

    def after_save_checkpoint(self, checkpoint_callback: ModelCheckpoint) -> None:
        self.logger.after_save_checkpoint(checkpoint_callback)

    def save(self) -> None:
        self.logger.save()

    def log_outcome(self, outcome: Outcome) -> None:
        self.logger.log_metrics(outcome_metrics(outcome), int(outcome.objective.get("step") or 0))

    def finish(self, status: Status, reason: str = "") -> None:
        self.logger.save()
        self.logger.finalize("success" if status in ENDED_WELL else "failed")
