"""Gradient accumulation by epoch: how many micro-batches make one optimizer step.

Pure functions of (config, epoch), so a resumed run continues as it would have. The trainer steps on an epoch's last
batch too, so its last window may be shorter. Lightning divides each loss by the number set here; the module cancels
that, because its losses are already divided by the labels of the whole window, a shorter last one included.
"""

import logging
from collections.abc import Mapping
from itertools import accumulate, chain, repeat
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import GradientAccumulationScheduler

log = logging.getLogger(__name__)


def accumulation(epoch: int, batches: int, schedule: Mapping[int, int]) -> int:
    """Micro-batches per step in `epoch` (0-based): the latest entry of `schedule` that has begun, or `batches`."""
    begun = [start for start in schedule if start <= epoch]
    return schedule[max(begun)] if begun else batches


def epoch_ends(num_batches: int, num_epochs: int, batches: int, schedule: Mapping[int, int]) -> tuple[int, ...]:
    """Optimizer steps that are done at the end of each epoch of `num_batches` micro-batches."""
    starts = sorted({0, *(start for start in schedule if 0 < start < num_epochs)})
    stretches = [
        repeat(-(-num_batches // accumulation(start, batches, schedule)), stop - start)
        for start, stop in zip(starts, [*starts[1:], num_epochs], strict=True)
    ]
    return tuple(accumulate(chain.from_iterable(stretches)))


def per_step(number: int, num_batches: int) -> str:
    """A line: how many micro-batches a step has if `number` are requested and an epoch has `num_batches`."""
    plural = "" if min(number, num_batches) == 1 else "es"
    if number <= num_batches:
        return f"{number} micro-batch{plural} per optimizer step"
    return f"{num_batches} micro-batch{plural} per optimizer step, all of an epoch ({number} were requested)"


def ends_window(trainer: Trainer) -> bool:
    """Whether the present training batch is the last one of an optimizer step."""
    done, total = trainer.fit_loop.epoch_loop.batch_progress.current.ready, trainer.num_training_batches
    return bool(done % trainer.accumulate_grad_batches == 0 or done >= total)


class GradientAccumulation(GradientAccumulationScheduler):
    """Lightning's scheduler from before the optimizer is made, and after a resume; it logs a line at each change."""

    def __init__(self, batches: int = 1, schedule: Mapping[int, int] | None = None) -> None:
        """batches: micro-batches per step until the first entry of `schedule` {epoch: micro-batches} begins."""
        super().__init__({0: batches, **(schedule or {})})
        self._logged = 1

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "fit":  # `configure_optimizers` may read `trainer.estimated_stepping_batches`
            trainer.accumulate_grad_batches = self.get_accumulate_grad_batches(0)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.accumulate_grad_batches = 1  # Lightning's checks refuse any other number, whoever has set it
        super().on_train_start(trainer, pl_module)
        self.on_train_epoch_start(trainer)  # an epoch that is resumed in its middle has no such call

    def on_train_epoch_start(self, trainer: Trainer, *_: Any) -> None:
        """Set the number of batches per step for this epoch, and log it if it has changed."""
        super().on_train_epoch_start(trainer)
        number = trainer.accumulate_grad_batches
        if number != self._logged:
            self._logged = number
            log.info("%s", per_step(number, int(trainer.num_training_batches)))
