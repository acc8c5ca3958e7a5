"""Settings that have no effect on a module of one's own, which has its own layers and optimizer.

Pure functions of the values at their keys, as all rules; see `lab.config.rules`.
"""

from collections.abc import Mapping
from typing import Any

from lab.config.rules.rule import Found, Rule
from lab.core.errors import Mistake


def _finders(kind: str, lr_finder: bool, batch_finder: bool) -> Found:
    for name, enabled in (("lr_finder", lr_finder), ("batch_finder", batch_finder)):
        if kind == "custom" and enabled:
            key = f"callbacks.{name}.enabled"
            problem = "model=custom sets its own rate and batches, which the finders cannot change"
            yield Mistake(key, problem, f"{key}=false", True)


def _adapters(kind: str, peft: str) -> Found:
    if kind == "custom" and peft != "none":
        problem = "adapters need an encoder of texts, and model=custom is a module of its own"
        yield Mistake("peft", problem, "peft=none", peft)


def _training(kind: str, compile: bool, gradient_checkpointing: bool) -> Found:
    for name, chosen in (("compile", compile), ("gradient_checkpointing", gradient_checkpointing)):
        if kind == "custom" and chosen:
            problem = "acts on the layers of an encoder; a module of your own does this in its configure_model"
            yield Mistake(f"trainer.{name}", problem, f"trainer.{name}=false", True)


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


def _own_metrics(model: str, extra: Mapping[str, Any] | None) -> Found:
    if extra and model == "custom":
        problem = "has no effect on model=custom, which logs its own metrics"
        yield Mistake("metrics.extra", problem, "metrics.extra=null", list(extra))


RULES: tuple[Rule, ...] = (
    (("model.kind", "callbacks.lr_finder.enabled", "callbacks.batch_finder.enabled"), _finders),
    (("model.kind", "peft.kind"), _adapters),
    (("model.kind", "trainer.compile", "trainer.gradient_checkpointing"), _training),
    (("model.kind", "optimizer.kind", "scheduler.kind", "loss.kind"), _own_optimizer),
    (("model.kind", "metrics.extra"), _own_metrics),
)
