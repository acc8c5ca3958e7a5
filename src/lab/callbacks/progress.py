"""Progress: a line per epoch with its losses, the objective, its seconds and the time left; on terminals a bar as well.

The bar is one line, drawn over itself and wiped before anything else is printed, so messages and bar never mix; where
the output is no terminal (a file, a batch system) only the epochs' lines are written. Time left is for the whole fit,
from the share of it that this process has done: a resumed run does not count what went before.
"""

import logging
import math
import time
from typing import Any, TextIO

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar

from lab.terminal import StatusLine

log = logging.getLogger(__name__)

BAR_WIDTH = 20


def time_left_s(elapsed_s: float, share_before: float, share_done: float) -> float | None:
    """Seconds to go when `elapsed_s` took the fit from one share of it to the other; None before any progress."""
    progress = share_done - share_before
    return elapsed_s * (1.0 - share_done) / progress if progress > 0 else None


def duration(seconds: float) -> str:
    """`41 s`, `3 min`, `2 h 05 min`: as exact as a person needs it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def epoch_line(epoch: int, num_epochs: int, scores: dict[str, float], seconds: float, left_s: float | None) -> str:
    """`epoch 3/12  train/loss 0.410  val/loss 0.520  val/f1_macro 0.781  11 s, about 1 min left`; epoch is 0-based."""
    values = "".join(f"  {name} {_short(value)}" for name, value in scores.items())
    left = "" if left_s is None or epoch + 1 >= num_epochs else f", about {duration(left_s)} left"
    return f"epoch {epoch + 1}/{num_epochs}{values}  {duration(seconds)}{left}"


def bar_line(epoch: int, num_epochs: int, batch: int, num_batches: int, loss: float, left_s: float | None) -> str:
    """The bar's text; `batch` counts those done."""
    filled = round(BAR_WIDTH * batch / max(1, num_batches))
    bar = "━" * filled + "╌" * (BAR_WIDTH - filled)
    left = "" if left_s is None else f"  about {duration(left_s)} left"
    return f"epoch {epoch + 1}/{num_epochs} {bar} {batch}/{num_batches}  loss {_short(loss)}{left}"


def _short(value: float) -> str:
    return f"{value:.3f}" if value == 0 or 0.001 <= abs(value) < 1000 else f"{value:.2e}"


class Progress(ProgressBar):
    """metric: the objective, shown at each epoch; refresh: batches between two drawings of the bar, 0 for lines only.

    Stands first among the callbacks, so that the bar is gone before others speak.
    """

    def __init__(self, metric: str, refresh: int = 10, stream: TextIO | None = None) -> None:
        super().__init__()
        self.metric, self.refresh = metric, refresh
        self._line = StatusLine(stream)
        self._enabled = True
        self._fit_began = self._epoch_began = 0.0
        self._share_before = 0.0

    def disable(self) -> None:
        self._enabled = False

    def enable(self) -> None:
        self._enabled = True

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._fit_began = self._epoch_began = time.perf_counter()
        done = trainer.fit_loop.epoch_loop.batch_progress.current.completed
        # After a resume from an epoch's end the counter still stands at that end.
        self._share_before = self._share(trainer, done if done < trainer.num_training_batches else 0)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._epoch_began = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        done, total = batch_idx + 1, int(trainer.num_training_batches)
        if not (self._shows_bar() and (done % self.refresh == 0 or done == total)):
            return
        loss = float(outputs["loss"]) if isinstance(outputs, dict) and "loss" in outputs else math.nan
        left = self._left_s(trainer, done)
        self._line.draw(bar_line(trainer.current_epoch, trainer.max_epochs or 1, done, total, loss, left))

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if trainer.state.fn == "fit" and self._shows_bar() and (batch_idx + 1) % self.refresh == 0:
            self._line.draw(f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs} validation, batch {batch_idx + 1}")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._line.wipe()
        if trainer.sanity_checking or trainer.state.fn != "fit" or not self._enabled:
            return
        names = dict.fromkeys(("train/loss", "val/loss", self.metric))
        scores = {name: float(trainer.callback_metrics[name]) for name in names if name in trainer.callback_metrics}
        seconds = time.perf_counter() - self._epoch_began
        left = self._left_s(trainer, int(trainer.num_training_batches))
        log.info("%s", epoch_line(trainer.current_epoch, trainer.max_epochs or 1, scores, seconds, left))

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._line.wipe()

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._line.wipe()

    def _share(self, trainer: Trainer, batches_done: int) -> float:
        """Share of the whole fit that is done."""
        epochs = trainer.current_epoch + batches_done / max(1, trainer.num_training_batches)
        return min(1.0, epochs / (trainer.max_epochs or 1))

    def _left_s(self, trainer: Trainer, batches_done: int) -> float | None:
        elapsed_s = time.perf_counter() - self._fit_began
        return time_left_s(elapsed_s, self._share_before, self._share(trainer, batches_done))

    def _shows_bar(self) -> bool:
        return self._enabled and self.refresh > 0 and self._line.is_terminal
