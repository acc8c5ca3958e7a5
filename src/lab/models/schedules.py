"""Learning-rate schedules over the optimizer steps of a run.

The four kinds with a warm-up are pure functions of the step. All others are torch's and transformers' own classes and
functions, which get the length of the run. A run that is resumed with another length follows the new length.
"""

import math
from bisect import bisect_right
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR, ReduceLROnPlateau

from lab.config import schema
from lab.config.schema import SchedulerConfig, TransformersSchedule
from lab.config.schema.node import Mode
from lab.config.schema.optimizers import AnyScheduler
from lab.config.targets import make_with, named_schedule
from lab.core.registry import SCHEDULES

Scheduler = LRScheduler | ReduceLROnPlateau
LENGTHS = ("total_steps", "num_training_steps", "T_max")
"""Names of arguments that are the length of a run."""


def warmup_steps(config: SchedulerConfig | TransformersSchedule, num_steps: int) -> int:
    """Number of optimizer steps of the warm-up."""
    return config.warmup_steps if config.warmup_steps is not None else round(config.warmup_ratio * num_steps)


def epochs_done(step: int, epoch_ends: tuple[int, ...]) -> int:
    """Number of epochs that have ended after `step` optimizer steps."""
    return bisect_right(epoch_ends, step)


def multiplier(step: int, config: SchedulerConfig, num_steps: int, epoch_ends: tuple[int, ...]) -> float:
    """Factor of the learning rate at optimizer step `step` (from 0) of a run of `num_steps`.

    The factor rises linearly during the warm-up; it is above 0 from the first step. Then it falls to 0 linearly or as
    half a cosine, stays at 1, or is multiplied by `gamma` after every `step_epochs` epochs. epoch_ends: the step at
    which each epoch has ended.
    """
    num_warmup = warmup_steps(config, num_steps)
    if step < num_warmup:
        return (step + 1) / (num_warmup + 1)
    if config.kind == "constant":
        return 1.0
    if config.kind == "step":
        return config.gamma ** (epochs_done(step, epoch_ends) // config.step_epochs)
    progress = min(1.0, (step - num_warmup) / max(1, num_steps - num_warmup))
    return 1.0 - progress if config.kind == "linear" else 0.5 * (1.0 + math.cos(math.pi * progress))


class OneCycle(OneCycleLR):
    """torch's one-cycle policy, whose length is that of the run and not of the checkpoint."""

    def state_dict(self) -> dict[str, Any]:
        state: dict[str, Any] = super().state_dict()
        return {name: value for name, value in state.items() if name not in ("total_steps", "_schedule_phases")}


def make_scheduler(optimizer: Optimizer, config: AnyScheduler, epoch_ends: tuple[int, ...], mode: Mode) -> Scheduler:
    """The scheduler of a config. mode: the direction of the metric that kind `plateau` watches.

    Raises RequestError where the constructor of a custom one, or of transformers, refuses its arguments.
    """
    scheduler: Scheduler = SCHEDULES[config.kind](optimizer, config, epoch_ends, mode)
    return scheduler


def _warmed_up(optimizer: Optimizer, config: SchedulerConfig, epoch_ends: tuple[int, ...], _: Mode) -> Scheduler:
    return LambdaLR(optimizer, lambda step: multiplier(step, config, epoch_ends[-1], epoch_ends))


for _kind in ("linear", "cosine", "constant", "step"):
    SCHEDULES.register(_kind, _warmed_up)


@SCHEDULES.register("one_cycle")
def _one_cycle(optimizer: Optimizer, config: schema.OneCycle, epoch_ends: tuple[int, ...], _: Mode) -> Scheduler:
    highest = [group["lr"] for group in optimizer.param_groups]
    return OneCycle(optimizer, highest, total_steps=epoch_ends[-1], **config.model_dump(exclude={"kind"}))


@SCHEDULES.register("plateau")
def _plateau(optimizer: Optimizer, config: schema.Plateau, _: tuple[int, ...], mode: Mode) -> Scheduler:
    return ReduceLROnPlateau(optimizer, mode, **config.model_dump(exclude={"kind", "metric", "mode"}))


@SCHEDULES.register("transformers")
def _transformers(
    optimizer: Optimizer, config: TransformersSchedule, epoch_ends: tuple[int, ...], _: Mode
) -> Scheduler:
    node, num_steps = named_schedule(config.name, config.arguments), epoch_ends[-1]
    return _made("scheduler.arguments", node, optimizer, num_steps, warmup_steps(config, num_steps))


@SCHEDULES.register("custom")
def _custom(optimizer: Optimizer, config: schema.CustomScheduler, epoch_ends: tuple[int, ...], _: Mode) -> Scheduler:
    length = len(epoch_ends) if config.interval == "epoch" else epoch_ends[-1]
    return _made("scheduler", config.node, optimizer, length, 0)


def is_by_epoch(config: AnyScheduler) -> bool:
    """Whether a schedule advances once an epoch."""
    return isinstance(config, schema.CustomScheduler) and config.interval == "epoch"


def _made(
    key: str, node: dict[str, Any], optimizer: Optimizer, length: int, num_warmup: int
) -> LRScheduler | ReduceLROnPlateau:
    injected = dict.fromkeys(LENGTHS, length)
    scheduler: LRScheduler | ReduceLROnPlateau = make_with(
        key, node, optimizer, num_warmup_steps=num_warmup, num_decay_steps=max(1, length // 10), **injected
    )
    return scheduler
