"""best.ckpt (weights, by the objective) and last.ckpt (everything, to go on from), each written aside and renamed.

last.ckpt is written at the end of each epoch, every n optimizer steps, after some minutes, before a stop from outside,
and where a run ends inside an epoch: only where an accumulation window ends (the gradients of half a window are in no
checkpoint). Where a validation follows it is written after that, since a resume would lose the validation. A full disk
leaves the older file whole.
"""

import math
import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import Checkpoint

from lab.callbacks.gradient_accumulation import ends_window
from lab.callbacks.interruption import Interruption
from lab.core.errors import RunError, listed
from lab.core.files import write_whole
from lab.core.record.run_folder import RunFolder


class IntoTheFile(TorchCheckpointIO):
    """Writes a checkpoint straight into its file, which `write_whole` renames when it is whole.

    Lightning's own makes all its bytes in memory first, 1.3 GB for a BERT-base with the optimizer's moments, and then a
    temporary file elsewhere that it moves. Raises OSError when the disk is full, KeyboardInterrupt when stopped.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        assert storage_options is None, "an option for other places than a folder"
        try:
            with Path(path).open("wb") as file:
                torch.save(checkpoint, file)
        except RuntimeError as error:  # torch's own, of a file that ends too soon
            cause = _cause(error)
            if isinstance(cause, OSError):
                raise OSError(cause.errno, cause.strerror, str(path)) from error
            if isinstance(cause, KeyboardInterrupt):
                raise KeyboardInterrupt from error
            raise


def _cause(error: BaseException) -> BaseException | None:
    """The system's error, or the stop from outside, that `error` came of."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError | KeyboardInterrupt):
        cause = cause.__cause__ or cause.__context__
    return cause


def is_epoch_done(trainer: pl.Trainer) -> bool:
    """Whether the training batch under way, or just done, is the last one of its epoch."""
    return bool(trainer.fit_loop.epoch_loop.batch_progress.current.ready >= trainer.num_training_batches)


def validation_follows(trainer: pl.Trainer) -> bool:
    """Whether Lightning validates after the training batch that has just ended."""
    fetcher = trainer.fit_loop._data_fetcher
    return fetcher is not None and trainer.fit_loop.epoch_loop._should_check_val_fx(fetcher)


class BestAndLast(Checkpoint):
    """Keeps the best value of the objective with its epoch and step; ties keep the earlier.

    metric: as logged, `val/f1_macro`; mode: min or max; newest: keep the latest epoch instead of the best, where the
    objective was trained on and cannot choose; every_minutes: since last.ckpt was written; interruption: which of its
    stops waits for a checkpoint. Raises RunError when the metric is never logged.
    """

    def __init__(
        self,
        folder: RunFolder,
        metric: str,
        mode: str,
        every_n_steps: int | None,
        newest: bool = False,
        every_minutes: float | None = None,
        interruption: Interruption | None = None,
    ) -> None:
        self.folder, self.metric, self.every_n_steps, self.newest = folder, metric, every_n_steps, newest
        self.every_minutes, self.interruption = every_minutes, interruption or Interruption()
        self._saved_at = math.inf
        self._saved_step, self._is_awaited = -1, False
        self.sign = 1.0 if mode == "max" else -1.0
        self.value: float | None = None
        self.epoch: int | None = None
        self.step: int | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._saved_at = time.monotonic()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.sanity_checking or trainer.state.fn != "fit":
            return
        if self.metric not in trainer.callback_metrics:
            names = sorted(name for name in trainer.callback_metrics if name.startswith("val/"))
            raise RunError(f"objective.metric={self.metric} is not logged; there are {listed(names, 40)}")
        value = float(trainer.callback_metrics[self.metric])
        better = self.newest or self.value is None or self.sign * value > self.sign * self.value
        if math.isfinite(value) and better:
            self.value, self.epoch, self.step = value, trainer.current_epoch, trainer.global_step
            self._save(trainer, "best")
        wanted = self._is_awaited or trainer.should_stop or self.interruption.is_requested
        if wanted and not is_epoch_done(trainer):
            self._save_last(trainer)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if not ends_window(trainer) or is_epoch_done(trainer):
            return
        if self._is_due(trainer.global_step) or self.interruption.is_requested:
            if validation_follows(trainer):
                self._is_awaited = True
            else:
                self._save_last(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # Ended inside the epoch: what was saved there goes on with the rest of its batches.
        if is_epoch_done(trainer) or self._saved_step != trainer.global_step:
            self._save_last(trainer)

    def _is_due(self, step: int) -> bool:
        by_steps = bool(self.every_n_steps) and step % (self.every_n_steps or 1) == 0
        return by_steps or (bool(self.every_minutes) and self._minutes() >= (self.every_minutes or 0.0))

    def _minutes(self) -> float:
        """Since last.ckpt was written, or the fit began."""
        return (time.monotonic() - self._saved_at) / 60

    def _save_last(self, trainer: pl.Trainer) -> None:
        self.interruption.hold()
        self._save(trainer, "last")
        self._saved_at, self._saved_step, self._is_awaited = time.monotonic(), trainer.global_step, False
        self.interruption.leave()

    def _save(self, trainer: pl.Trainer, which: str) -> None:
        if getattr(trainer, "fast_dev_run", False):
            return
        path = self.folder.best if which == "best" else self.folder.last
        write_whole(path, lambda aside: trainer.save_checkpoint(aside, weights_only=which == "best"))

    def state_dict(self) -> dict[str, Any]:
        return {"value": self.value, "epoch": self.epoch, "step": self.step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.value, self.epoch, self.step = state_dict["value"], state_dict["epoch"], state_dict["step"]
