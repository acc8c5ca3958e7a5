"""TensorBoard event files in the run folder: `tensorboard --logdir outputs` shows runs by date and time.

They contain all metrics of each validation and the learning rate, at the optimizer step. A resumed run marks the steps
that it writes again, so that TensorBoard drops the first copy.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lab.core.record.fields import Status
from lab.loggers.base import Outcome, RunLogger, is_test, outcome_metrics

if TYPE_CHECKING:
    from torch.utils.tensorboard.writer import SummaryWriter


class TensorboardLogger(RunLogger):
    """Writes event files `events.out.tfevents.*`. Needs the package tensorboard."""

    title = "tensorboard"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._writer: SummaryWriter | None = None

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        if is_test(metrics) or step is None:
            return
        for name, value in metrics.items():
            self._open(step).add_scalar(name, value, step)

    def log_outcome(self, outcome: Outcome) -> None:
        step = int(outcome.objective.get("step") or 0)
        for name, value in outcome_metrics(outcome).items():
            self._open().add_scalar(name, value, step)

    def save(self) -> None:
        if self._writer is not None:
            self._writer.flush()

    def finish(self, status: Status, reason: str = "") -> None:
        if self._writer is not None:
            self._writer.add_text("status", f"{status} {reason}".strip())
            self._writer.close()
            self._writer = None

    def _open(self, step: int | None = None) -> "SummaryWriter":
        """Return the writer. step: existing values from this step on are written again; None: nothing is."""
        if self._writer is None:
            from torch.utils.tensorboard.writer import SummaryWriter

            resumed = any(self.folder.glob("events.out.tfevents.*"))
            self._writer = SummaryWriter(str(self.folder), purge_step=step if resumed else None)
        return self._writer
