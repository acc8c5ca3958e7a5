"""Logs the loss and the learning rate of every n-th optimizer step to every logger: `train/loss_step` and `lr`.

The name is Lightning's for a value of one step; `train/loss` is the mean over the epoch, logged with each validation.
Losses stay on the device, and only that of a logged step is read, so other steps do not wait for it. History and report
have one row per validation and do not see these values.
"""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from lab.callbacks.gradient_accumulation import ends_window

LOSS, RATE = "train/loss_step", "lr"


class StepMetrics(Callback):
    """every: optimizer steps from one logged step to the next, counted from the run's first; 0: none."""

    def __init__(self, every: int) -> None:
        self.every = every
        self._window: Tensor | None = None

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        # Lightning's own count, which it logs by, lags after a checkpoint that was written by an early stop.
        trainer.fit_loop.epoch_loop._batches_that_stepped = trainer.global_step

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        ends = ends_window(trainer)
        step = trainer.global_step if ends else trainer.global_step + 1
        if not self.every or step % self.every or not (trainer.loggers or trainer.world_size > 1):
            return
        part = outputs["loss"]  # its share of the window's loss
        self._window = part if self._window is None else self._window + part
        if ends:
            if trainer.world_size > 1:  # each loss is multiplied by the number of processes, since DDP takes a mean
                self._window = trainer.strategy.reduce(self._window, reduce_op="mean")
            self._log(trainer, pl_module, float(self._window))
            self._window = None

    def _log(self, trainer: Trainer, pl_module: LightningModule, loss: float) -> None:
        last = trainer.global_step - 1  # as Lightning counts
        for logger in trainer.loggers:
            logger.log_metrics({LOSS: loss, RATE: _rate(pl_module, trainer)}, step=last)


def _rate(pl_module: LightningModule, trainer: Trainer) -> float:
    """The rate that a module says its last step had, else the one that its optimizer's first group has next."""
    known = getattr(pl_module, "last_rate", None)
    return known() if callable(known) else float(trainer.optimizers[0].param_groups[0]["lr"])
