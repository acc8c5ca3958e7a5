"""Ends a run after a number of optimizer steps or a time: at the end of an accumulation window, and validated there.

Lightning's own `max_steps` ends inside an epoch without a validation, and makes a run that is resumed at the end of an
epoch start that epoch again. Its Timer may stop between two micro-batches of a step, whose gradients no checkpoint has.
"""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import Timer

from lab.callbacks.gradient_accumulation import ends_window
from lab.callbacks.loop.agreement import any_rank


def _stop(trainer: Trainer) -> None:
    """Stop after this batch. Lightning validates before it stops, in an epoch that is to be validated."""
    if trainer.check_val_every_n_epoch is not None:
        trainer.check_val_every_n_epoch = 1
    trainer.should_stop = True


class StepLimit(Callback):
    """Ends the fit after `max_steps` optimizer steps. `reason` is None or says so."""

    def __init__(self, max_steps: int) -> None:
        self.max_steps = max_steps
        self.reason: str | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._decide(trainer)  # resumed from its last step

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._decide(trainer)

    def _decide(self, trainer: Trainer) -> None:
        if trainer.global_step >= self.max_steps:
            self.reason = f"all {self.max_steps} optimizer steps done"
            trainer.fit_loop.min_epochs, trainer.fit_loop.epoch_loop.min_steps = 0, None
            _stop(trainer)


class TimeLimit(Timer):
    """Ends the fit after `max_time` (days:hours:minutes:seconds), over all resumes, but not before the least number of
    epochs and steps. `reason` is None or says so."""

    def __init__(self, max_time: str) -> None:
        super().__init__(max_time, verbose=False)
        self.max_time = max_time
        self.reason: str | None = None

    def on_train_batch_end(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """Check the time after each optimizer step, not within an accumulation."""
        if ends_window(trainer):
            super().on_train_batch_end(trainer, *args, **kwargs)

    def _check_time_remaining(self, trainer: Trainer) -> None:
        super()._check_time_remaining(trainer)
        (is_over,) = any_rank((self.time_remaining() or 0.0) <= 0.0)
        if is_over:
            self.reason = f"trainer.max_time={self.max_time} is over after {trainer.global_step} optimizer steps"
            _stop(trainer)
