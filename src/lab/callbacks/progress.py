"""Progress: a line per validation with losses, objective, seconds and the time left; on terminals a bar as well.

The bar is one line, which is redrawn in place and cleared before anything else is printed, so messages and bar never
mix. Without a bar (a file, a batch system) a long epoch, validation or test has a line every half minute. The time left
is for the whole fit, computed from the share of it that this process has done: a resumed run does not count earlier
processes.
"""

import logging
import math
import time
from collections.abc import Sequence
from typing import Any, TextIO

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar

from lab.core.terminal.display import StatusLine

log = logging.getLogger(__name__)

BAR_WIDTH = 20
"""Characters of the bar itself."""


def time_left_s(elapsed_s: float, share_before: float, share_done: float) -> float | None:
    """Seconds left if the fit went from `share_before` to `share_done` in `elapsed_s`; None before any progress."""
    progress = share_done - share_before
    return elapsed_s * (1.0 - share_done) / progress if progress > 0 else None


def duration(seconds: float) -> str:
    """A time in words: `41 s`, `3 min`, `2 h 05 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def epoch_line(epoch: int, num_epochs: int, scores: dict[str, float], seconds: float, left_s: float | None) -> str:
    """A line, for a 0-based epoch: `epoch 3/12  train/loss 0.410  val/f1_macro 0.781  11 s, about 1 min left`."""
    values = "".join(f"  {name} {_short(value)}" for name, value in scores.items())
    left = "" if left_s is None or epoch + 1 >= num_epochs else f", about {duration(left_s)} left"
    return f"epoch {epoch + 1}/{num_epochs}{values}  {duration(seconds)}{left}"


def bar_line(epoch: int, num_epochs: int, batch: int, num_batches: int, loss: float, left_s: float | None) -> str:
    """The text of the bar; `batch` is the number of batches done."""
    filled = round(BAR_WIDTH * batch / max(1, num_batches))
    bar = "━" * filled + "╌" * (BAR_WIDTH - filled)
    left = "" if left_s is None else f"  about {duration(left_s)} left"
    return f"epoch {epoch + 1}/{num_epochs} {bar} {batch}/{num_batches}  loss {_short(loss)}{left}"


def batch_line(what: str, batch: int, num_batches: int, per_s: float, left_s: float | None, more: str = "") -> str:
    """A line: `epoch 2/5  batch 130/400, step 530, loss 0.410  3.2 batches/s, about 3 min left`; batches done."""
    left = "" if left_s is None else f", about {duration(left_s)} left"
    return f"{what}  batch {batch}/{num_batches}{more}  {per_s:.3g} batches/s{left}"


def batch_loss(part: float, batch: int, num_batches: int, accumulation: int) -> float:
    """The loss of a batch, from its `part` of the loss of its accumulation window, which may be shorter at the end.

    batch: the number of batches done.
    """
    begun = (batch - 1) // accumulation * accumulation
    return part * min(accumulation, num_batches - begun)


def _short(value: float) -> str:
    return f"{value:.3f}" if value == 0 or 0.001 <= abs(value) < 1000 else f"{value:.2e}"


class Progress(ProgressBar):
    """Lightning's progress bar as one line, or lines. First among the callbacks, which print after the bar is cleared.

    metric: the objective, shown at each validation; refresh: batches between two drawings of the bar, 0 for lines only;
    interval_s: seconds between two lines if there is no bar, None or 0 for none inside an epoch.
    """

    def __init__(
        self,
        metric: str,
        refresh: int = 10,
        interval_s: float | None = None,
        stream: TextIO | None = None,
        shows_training: bool = True,
    ) -> None:
        """shows_training: False for a module that logs `train/loss` after the validation: by then it is the epoch
        before's."""
        super().__init__()
        self.shows_training = shows_training
        self.metric, self.refresh, self.interval_s = metric, refresh, interval_s
        self._line = StatusLine(stream)
        self._enabled = True
        self._fit_began = self._epoch_began = 0.0
        self._share_before = 0.0
        self._logged_at, self._logged_batch = 0.0, 0

    def disable(self) -> None:
        self._enabled = False

    def enable(self) -> None:
        self._enabled = True

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._fit_began = self._epoch_began = time.monotonic()
        done = trainer.fit_loop.epoch_loop.batch_progress.current.completed
        # After a resume from an epoch's end the counter is still that of the epoch's end.
        self._share_before = self._share(trainer, done if done < trainer.num_training_batches else 0)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._epoch_began = time.monotonic()

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        if self._logged_at == 0.0 or batch_idx == 0:
            self._count_from(batch_idx)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._count_from(0)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._count_from(0)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        done, total = batch_idx + 1, int(trainer.num_training_batches)
        is_drawn = self._shows_bar() and (done % self.refresh == 0 or done == total)
        if not (is_drawn or self._is_due()):
            return
        part = float(outputs["loss"]) if isinstance(outputs, dict) and "loss" in outputs else math.nan
        loss, left = batch_loss(part, done, total, trainer.accumulate_grad_batches), self._left_s(trainer, done)
        if is_drawn:
            self._line.draw(bar_line(trainer.current_epoch, trainer.max_epochs or 1, done, total, loss, left))
        else:
            more = f", step {trainer.global_step}, loss {_short(loss)}"
            self._log_line(f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}", done, total, left, more)

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if trainer.state.fn != "fit":
            return
        what = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs} validation"
        if self._shows_bar() and (batch_idx + 1) % self.refresh == 0:
            self._line.draw(f"{what}, batch {batch_idx + 1}")
        elif self._is_due():
            self._log_part(what, batch_idx + 1, trainer.num_val_batches)

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if self._is_due():
            self._log_part("test", batch_idx + 1, trainer.num_test_batches)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._line.wipe()
        if trainer.sanity_checking or trainer.state.fn != "fit" or not self._enabled:
            return
        names = dict.fromkeys((*(["train/loss"] if self.shows_training else []), "val/loss", self.metric))
        scores = {name: float(trainer.callback_metrics[name]) for name in names if name in trainer.callback_metrics}
        seconds = time.monotonic() - self._epoch_began
        left = self._left_s(trainer, int(trainer.num_training_batches))
        log.info("%s", epoch_line(trainer.current_epoch, trainer.max_epochs or 1, scores, seconds, left))

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._line.wipe()

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._line.wipe()

    def _share(self, trainer: Trainer, batches_done: int) -> float:
        """Return the share of the whole fit that is done."""
        epochs = trainer.current_epoch + batches_done / max(1, trainer.num_training_batches)
        return min(1.0, epochs / (trainer.max_epochs or 1))

    def _left_s(self, trainer: Trainer, batches_done: int) -> float | None:
        elapsed_s = time.monotonic() - self._fit_began
        return time_left_s(elapsed_s, self._share_before, self._share(trainer, batches_done))

    def _count_from(self, batch: int) -> None:
        self._logged_at, self._logged_batch = time.monotonic(), batch

    def _is_due(self) -> bool:
        """Whether a line is due; with a bar, none is."""
        wanted = self._enabled and bool(self.interval_s) and not self._shows_bar()
        return wanted and time.monotonic() - self._logged_at >= (self.interval_s or 0.0)

    def _log_part(self, what: str, done: int, totals: Sequence[int | float]) -> None:
        """Log a line of a validation or a test, with the time left of it alone, at the speed since the last line."""
        total = int(totals[0])
        self._log_line(what, done, total, (total - done) / self._per_s(done) if done < total else None)

    def _log_line(self, what: str, done: int, total: int, left_s: float | None, more: str = "") -> None:
        log.info("%s", batch_line(what, done, total, self._per_s(done), left_s, more))
        self._count_from(done)

    def _per_s(self, done: int) -> float:
        """Return the batches per second since the last line."""
        return (done - self._logged_batch) / max(1e-9, time.monotonic() - self._logged_at)

    def _shows_bar(self) -> bool:
        return self._enabled and self.refresh > 0 and self._line.is_terminal
