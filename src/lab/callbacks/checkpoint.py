"""best.ckpt (weights, by the objective) and last.ckpt (everything that a resume needs), each written whole and renamed.

last.ckpt is written at the end of each epoch, every n optimizer steps, after some minutes, before a stop from outside,
and where a run ends inside an epoch. It is written only where an accumulation window ends, since no checkpoint has the
gradients of half a window, and after a validation that is due there, since a resume would lose that validation. A full
disk leaves the older file whole.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from weakref import proxy

import lightning.pytorch as pl
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import ModelCheckpoint, WeightAveraging
from torch import Tensor

from lab.callbacks.gradient_accumulation import ends_window
from lab.callbacks.loop.agreement import any_rank
from lab.callbacks.loop.interruption import Interruption
from lab.core.errors import RunError, listed
from lab.core.files import write_whole
from lab.core.record.fields import BEFORE_TRAINING
from lab.core.record.run_folder import RunFolder


class DirectCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint straight into its file, which `write_whole` renames when it is whole.

    Lightning's own class first makes all bytes in memory (1.3 GB for a BERT-base with the optimizer's moments), then
    writes a temporary file in another folder and moves it. Raises OSError if the disk is full, KeyboardInterrupt if the
    run is stopped.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        assert storage_options is None, "storage options are for places other than a folder"
        _keep_plain_hyperparameters(checkpoint)
        try:
            with Path(path).open("wb") as file:
                torch.save(checkpoint, file)
        except RuntimeError as error:  # torch raises it for a file that ends too soon
            cause = _cause(error)
            if isinstance(cause, OSError):
                raise OSError(cause.errno, cause.strerror, str(path)) from error
            if isinstance(cause, KeyboardInterrupt):
                raise KeyboardInterrupt from error
            raise


def _keep_plain_hyperparameters(checkpoint: dict[str, Any]) -> None:
    """Leave out what a module's `save_hyperparameters` kept and no reader takes that unpickles nothing: a partial
    optimizer, a net, a class. A resumed run builds them from its config."""
    for part in ("hyper_parameters", "datamodule_hyper_parameters"):
        if part in checkpoint:
            given = checkpoint[part]
            checkpoint[part] = {str(name): value for name, value in dict(given).items() if _is_plain(value)}
    for part in ("hparams_name", "hparams_type", "datamodule_hparams_name", "datamodule_hparams_type"):
        checkpoint.pop(part, None)


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_is_plain(item) for item in (*value, *value.values()))
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or type(value) in (bool, int, float, str)


def _cause(error: BaseException) -> BaseException | None:
    """Return the system's error, or the stop from outside, that caused `error`."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError | KeyboardInterrupt):
        cause = cause.__cause__ or cause.__context__
    return cause


def is_epoch_done(trainer: pl.Trainer) -> bool:
    """Whether the present training batch, or the one that has just ended, is the last one of its epoch."""
    return bool(trainer.fit_loop.epoch_loop.batch_progress.current.ready >= trainer.num_training_batches)


def validation_follows(trainer: pl.Trainer) -> bool:
    """Whether Lightning validates after the training batch that has just ended."""
    fetcher = trainer.fit_loop._data_fetcher
    return fetcher is not None and trainer.fit_loop.epoch_loop._should_check_val_fx(fetcher)


@contextmanager
def _averaged(trainer: pl.Trainer) -> Iterator[None]:
    """Put the averaged weights, which were validated, in place of the trained ones, if a callback keeps an average.

    Lightning's WeightAveraging does so itself in whole checkpoints only, not in those of weights alone.
    """
    averages = [each for each in trainer.callbacks if isinstance(each, WeightAveraging)]  # type: ignore[attr-defined]
    for average in averages:
        average._swap_models(trainer.lightning_module)
    try:
        yield
    finally:
        for average in reversed(averages):
            average._swap_models(trainer.lightning_module)


class BestAndLast(ModelCheckpoint):
    """Lightning's ModelCheckpoint with one best file and one last file, whose moments are those of an exact resume.

    `best_model_path` and `best_model_score` are Lightning's. Of equal values the earlier one is kept; a value that is
    not finite is never the best. When last.ckpt is written, and under which names, is decided here.
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
        """
        metric: as logged, `val/f1_macro`; mode: min or max; every_n_steps: optimizer steps between two writes of
        last.ckpt inside an epoch; newest: keep the latest epoch instead of the best, for an objective whose rows are
        trained on, which cannot choose; every_minutes: since last.ckpt was written; interruption: it waits for a
        checkpoint before it stops the run.
        """
        super().__init__(
            dirpath=folder.best.parent,
            filename=folder.best.stem,
            monitor=metric,
            mode=mode,
            save_last=True,
            auto_insert_metric_name=False,
            enable_version_counter=False,
        )
        self.every_n_steps, self.every_minutes, self.newest = every_n_steps, every_minutes, newest
        self.interruption = interruption or Interruption()
        self.epoch: int | None = None
        self.step: int | None = None
        self._saved_at = math.inf
        self._saved_step, self._is_awaited = -1, False

    @property
    def value(self) -> float | None:
        """Best value of the objective; None before there is a finite one."""
        return None if self.best_model_score is None else float(self.best_model_score)

    @property
    def state_key(self) -> str:
        """Constant, so that a resume with other settings finds the state."""
        return type(self).__qualname__

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Do nothing: Lightning's method warns that the folder is not empty, and a run folder never is."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock for the interval between two saves."""
        self._saved_at = time.monotonic()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.sanity_checking or trainer.state.fn != "fit":
            return
        if self.monitor not in trainer.callback_metrics:
            names = sorted(name for name in trainer.callback_metrics if name.startswith("val/"))
            raise RunError(f"objective.metric={self.monitor} is not logged; there are {listed(names, 40)}")
        self._save_topk_checkpoint(trainer, self._monitor_candidates(trainer))
        wanted = self._is_awaited or trainer.should_stop or self.interruption.is_requested
        (wanted,) = any_rank(wanted)
        if wanted and not is_epoch_done(trainer):
            self._save_last(trainer)

    def offer(self, trainer: pl.Trainer, value: Tensor) -> None:
        """Keep a model that was validated before its first step as the best so far. value: of the objective."""
        if self.check_monitor_top_k(trainer, value):
            self._update_best_and_save(value, trainer, self._monitor_candidates(trainer) | {str(self.monitor): value})
            self.epoch = BEFORE_TRAINING

    def check_monitor_top_k(self, trainer: pl.Trainer, current: Tensor | None = None) -> bool:
        """Whether `current` replaces the best checkpoint; a value that is not finite never does."""
        if current is None or not torch.isfinite(current):
            return False
        return self.newest or super().check_monitor_top_k(trainer, current)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if not ends_window(trainer) or is_epoch_done(trainer):
            return
        (wanted,) = any_rank(self._is_due(trainer.global_step) or self.interruption.is_requested)
        if wanted:
            if validation_follows(trainer):
                self._is_awaited = True
            else:
                self._save_last(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # A run that ended inside the epoch may have saved there: a resume from that file trains the remaining batches.
        if is_epoch_done(trainer) or self._saved_step != trainer.global_step:
            self._save_last(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # Lightning's writes last.ckpt here, which stands since the end of the last epoch.
        pass

    def _is_due(self, step: int) -> bool:
        by_steps = bool(self.every_n_steps) and step % (self.every_n_steps or 1) == 0
        return by_steps or (bool(self.every_minutes) and self._minutes() >= (self.every_minutes or 0.0))

    def _minutes(self) -> float:
        """Return the minutes since last.ckpt was written or the fit began."""
        return (time.monotonic() - self._saved_at) / 60

    def _monitor_candidates(self, trainer: pl.Trainer) -> dict[str, Tensor]:
        """What is logged, the objective as the mean over all processes: each of them decides by the same value."""
        logged = super()._monitor_candidates(trainer)
        if trainer.world_size > 1 and self.monitor in logged:
            logged[self.monitor] = trainer.strategy.reduce(logged[self.monitor], reduce_op="mean")
        return logged

    def _save_last(self, trainer: pl.Trainer) -> None:
        self.interruption.agree()
        self.interruption.hold()
        self._save_last_checkpoint(trainer, self._monitor_candidates(trainer))
        self._saved_at, self._saved_step, self._is_awaited = time.monotonic(), trainer.global_step, False
        self.interruption.leave()

    def _update_best_and_save(
        self, current: Tensor, trainer: pl.Trainer, monitor_candidates: dict[str, Tensor]
    ) -> None:
        self.epoch, self.step = trainer.current_epoch, trainer.global_step
        super()._update_best_and_save(current, trainer, monitor_candidates)

    def _save_checkpoint(self, trainer: pl.Trainer, filepath: str) -> None:
        if getattr(trainer, "fast_dev_run", False):  # an attribute that Lightning's types do not know
            return
        is_best = filepath == self.best_model_path
        with _averaged(trainer) if is_best else nullcontext():
            if trainer.is_global_zero:
                write_whole(Path(filepath), lambda aside: trainer.save_checkpoint(aside, weights_only=is_best))
            else:  # takes part, and writes nothing
                trainer.save_checkpoint(filepath, weights_only=is_best)
        for logger in trainer.loggers:
            logger.after_save_checkpoint(proxy(self))

    def state_dict(self) -> dict[str, Any]:
        """Value, epoch and step of the best checkpoint."""
        return {"value": self.value, "epoch": self.epoch, "step": self.step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the best checkpoint's value, epoch and step; its path is in the folder of this run."""
        self.epoch, self.step = state_dict["epoch"], state_dict["step"]
        if state_dict["value"] is not None:  # the paths are those of this folder, which may have been moved
            self.best_model_path = self.kth_best_model_path = self.format_checkpoint_name({})
            self.best_model_score = self.kth_value = torch.tensor(state_dict["value"])
            self.best_k_models = {self.best_model_path: self.best_model_score}
