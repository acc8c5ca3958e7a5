"""Contradictions about optimizers, schedules and losses, and kinds that a task cannot use.

Pure functions of the values at their keys, as all rules; see `lab.config.rules`.
"""

from collections.abc import Mapping
from typing import Any

from lab.config.rules.rule import Found, Rule
from lab.config.rules.tasks import ASKED, GIVES
from lab.core.errors import Mistake


def _nesterov(nesterov: bool, momentum: float, dampening: float) -> Found:
    if nesterov and (float(momentum) == 0 or float(dampening) != 0):
        problem = "needs optimizer.momentum above 0 and optimizer.dampening=0"
        yield Mistake("optimizer.nesterov", problem, "optimizer.momentum=0.9 optimizer.dampening=0", True)


def _cycled_momentum(optimizer: str, schedule: str, cycles: bool) -> Found:
    if schedule == "one_cycle" and cycles and optimizer == "adafactor":
        problem = "optimizer=adafactor has no momentum that could cycle"
        yield Mistake("scheduler.cycle_momentum", problem, "scheduler.cycle_momentum=false", True)


def _momentum_range(base: float, largest: float) -> Found:
    if float(base) > float(largest):
        problem = f"is more than scheduler.max_momentum={largest}"
        yield Mistake("scheduler.base_momentum", problem, f"scheduler.base_momentum={largest}", base)


def _plateau(metric: str | None, mode: str | None) -> Found:
    if metric is None and mode is not None:
        problem = "has no effect without scheduler.metric; the objective brings its own mode"
        yield Mistake("scheduler.mode", problem, "scheduler.mode=null", mode)
    if metric is not None and metric.startswith("test/"):
        problem = "a rate that follows test rows spoils the test score"
        yield Mistake("scheduler.metric", problem, f"scheduler.metric=val/{metric.removeprefix('test/')}", metric)


def _own_optimizer(model: str, optimizer: str, schedule: str, loss: str) -> Found:
    if model != "custom":
        return
    for group, kind, plain in (
        ("optimizer", optimizer, ("adamw",)),
        ("scheduler", schedule, ("linear", "cosine", "constant", "step")),
        ("loss", loss, ("cross_entropy", "focal")),
    ):
        if kind not in plain:
            problem = "has no effect on model=custom, which has its own optimizer, schedule and loss"
            default = {"optimizer": "adamw", "scheduler": "linear", "loss": "default"}[group]
            yield Mistake(group, problem, f"{group}={default}", kind)


def _other_losses(data: str, kind: str) -> Found:
    if GIVES[data] == ASKED and kind != "cross_entropy":
        problem = "has no effect: the loss of questions is the cross-entropy of start and end"
        yield Mistake("loss", problem, "loss=default loss.kind=cross_entropy", kind)


def _pretraining(pretrain: bool, loss: str) -> Found:
    if pretrain and loss == "custom":
        problem = "has no effect: the loss of pretraining is the squared error of the next patch"
        yield Mistake("loss", problem, "loss=default", loss)


def _without_heads(data: str, extra: Mapping[str, Any] | None) -> Found:
    if extra and GIVES[data] == ASKED:
        problem = "has no effect: these metrics are of label heads, which questions do not have"
        yield Mistake("metrics.extra", problem, "metrics.extra=null", list(extra))


def _forecasts(pretrain: bool, extra: Mapping[str, Any] | None) -> Found:
    if extra and pretrain:
        problem = "has no effect: these metrics are of label heads, which pretraining does not have"
        yield Mistake("metrics.extra", problem, "metrics.extra=null", list(extra))


def _own_metrics(model: str, extra: Mapping[str, Any] | None) -> Found:
    if extra and model == "custom":
        problem = "has no effect on model=custom, which logs its own metrics"
        yield Mistake("metrics.extra", problem, "metrics.extra=null", list(extra))


RULES: tuple[Rule, ...] = (
    (("optimizer.nesterov", "optimizer.momentum", "optimizer.dampening"), _nesterov),
    (("optimizer.kind", "scheduler.kind", "scheduler.cycle_momentum"), _cycled_momentum),
    (("scheduler.base_momentum", "scheduler.max_momentum"), _momentum_range),
    (("scheduler.metric", "scheduler.mode"), _plateau),
    (("model.kind", "optimizer.kind", "scheduler.kind", "loss.kind"), _own_optimizer),
    (("data.kind", "loss.kind"), _other_losses),
    (("model.pretrain", "loss.kind"), _pretraining),
    (("data.kind", "metrics.extra"), _without_heads),
    (("model.pretrain", "metrics.extra"), _forecasts),
    (("model.kind", "metrics.extra"), _own_metrics),
)
