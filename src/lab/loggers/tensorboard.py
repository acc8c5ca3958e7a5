"""TensorBoard event files in the run folder: `tensorboard --logdir outputs` shows runs by date and time.

They contain all metrics that are logged, at the optimizer step; after the test its scores, the run's figures as images,
and the config as hyperparameters beside test scores and best objective. A resumed run marks the steps that it writes
again, so that TensorBoard drops the first copy.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import TensorBoardLogger

from lab.config.schema.loggers import Empty
from lab.core.record.fields import Status, is_test
from lab.core.registry import LOGGERS
from lab.loggers.base import LoggedRun, Outcome, RunLogger, figures, leaves, outcome_metrics


class TensorboardLogger(RunLogger, TensorBoardLogger):
    """Lightning's TensorBoardLogger in the run folder: files `events.out.tfevents.*`. Needs the package tensorboard."""

    title = "tensorboard"

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        super().__init__(folder, save_dir=folder)
        self.config = dict(leaves(config))

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        if is_test(metrics) or step is None:
            return
        if self._experiment is None and any(self.folder.glob("events.out.tfevents.*")):
            self._kwargs["purge_step"] = step
        TensorBoardLogger.log_metrics(self, metrics, step)

    def log_outcome(self, outcome: Outcome) -> None:
        step, values = int(outcome.objective.get("step") or 0), outcome_metrics(outcome)
        for name, value in values.items():
            self.experiment.add_scalar(name, value, step)
        TensorBoardLogger.log_hyperparams(self, self.config, values, step)
        self._log_figures(step)

    def _log_figures(self, step: int) -> None:
        import numpy as np
        from PIL import Image

        for path in figures(self.folder):
            with Image.open(path) as image:
                pixels = np.asarray(image.convert("RGB"))
            self.experiment.add_image(f"figures/{path.stem}", pixels, step, dataformats="HWC")

    def save(self) -> None:
        """Flush. Lightning's also writes hparams.yaml, which config.yaml makes unnecessary."""
        if self._experiment is not None:
            self._experiment.flush()

    def finish(self, status: Status, reason: str = "") -> None:
        if self._experiment is not None:
            self._experiment.add_text("status", f"{status} {reason}".strip())
            self._experiment.close()
            self._experiment = None


@LOGGERS.register("tensorboard")
def start(_: Empty, run: LoggedRun) -> TensorboardLogger:
    """Start the logger of a run."""
    return TensorboardLogger(run.folder, run.config)
