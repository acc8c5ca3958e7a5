"""Gradient accumulation by epoch: how many micro-batches make one optimizer step.

Pure functions of (config, epoch), so a resumed run goes on as it would have. The trainer steps on an epoch's last batch
too, so its last window may be shorter. Lightning divides each loss by the number set here; the module cancels that,
because its losses are already divided by the labels of the whole window, tail included.
"""

import logging
from collections.abc import Mapping
from itertools import accumulate, chain, repeat

from lightning.pytorch import Callback, LightningModule, Trainer

log = logging.getLogger(__name__)


def accumulation(epoch: int, batches: int, schedule: Mapping[int, int]) -> int:
    """Micro-batches per step in `epoch` (0-based): the latest entry of `schedule` that has begun, or `batches`."""
    begun = [start for start in schedule if start <= epoch]
    return schedule[max(begun)] if begun else batches


def epoch_ends(num_batches: int, num_epochs: int, batches: int, schedule: Mapping[int, int]) -> tuple[int, ...]:
    """Optimizer steps done at the end of each epoch of `num_batches` micro-batches; the last window may be shorter."""
    starts = sorted({0, *(start for start in schedule if 0 < start < num_epochs)})
    stretches = [
        repeat(-(-num_batches // accumulation(start, batches, schedule)), stop - start)
        for start, stop in zip(starts, [*starts[1:], num_epochs], strict=True)
    ]
    return tuple(accumulate(chain.from_iterable(stretches)))


def per_step(number: int, num_batches: int) -> str:
    """How many micro-batches a step has where `number` are requested and an epoch has `num_batches`."""
    plural = "" if min(number, num_batches) == 1 else "es"
    if number <= num_batches:
        return f"{number} micro-batch{plural} per optimizer step"
    return f"{num_batches} micro-batch{plural} per optimizer step, all of an epoch ({number} were requested)"


def ends_window(trainer: Trainer) -> bool:
    """Whether the training batch under way is the last one of an optimizer step."""
    done, total = trainer.fit_loop.epoch_loop.batch_progress.current.ready, trainer.num_training_batches
    return bool(done % trainer.accumulate_grad_batches == 0 or done >= total)


class GradientAccumulation(Callback):
    """Sets `trainer.accumulate_grad_batches` at every epoch start and after a resume; a line at each change."""

    def __init__(self, batches: int = 1, schedule: Mapping[int, int] | None = None) -> None:
        self.batches = batches
        self.schedule = dict(schedule or {})

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # A run resumed in the middle of an epoch gets no on_train_epoch_start for it.
        self._apply(trainer)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._apply(trainer)

    def _apply(self, trainer: Trainer) -> None:
        number = accumulation(trainer.current_epoch, self.batches, self.schedule)
        if number != trainer.accumulate_grad_batches:
            trainer.accumulate_grad_batches = number
            log.info("%s", per_step(number, int(trainer.num_training_batches)))
