"""Contradictions about how a run is trained: objective, early stopping, schedule, finders, resume.

Pure functions of the values at their keys, as all rules; see `lab.config.rules`.
"""

from collections.abc import Mapping
from typing import Any

from lab.config.rules.metrics import is_known
from lab.config.rules.rule import Found, Rule
from lab.config.rules.tasks import GIVES, QUESTIONS
from lab.core.errors import Mistake
from lab.core.hydra_quoting import quoted

AVERAGE = "lightning.pytorch.callbacks.EMAWeightAveraging"


def sense(metric: str) -> str:
    """Return the direction in which a metric is better: losses are minimised, all others are maximised."""
    return "min" if metric.rsplit("/", 1)[-1] == "loss" else "max"


def _objective(metric: str, mode: str) -> Found:
    key = "objective.metric"
    split, _, name = metric.partition("/")
    if split == "test":
        problem = "a choice made on test rows makes the test score too good; runs are compared on validation rows"
        yield Mistake(key, problem, f"{key}=val/{name or 'f1_macro'}", metric)
    elif split == "train":
        problem = "a training score does not show what a model does on rows it has not seen"
        yield Mistake(key, problem, f"{key}=val/{name or 'f1_macro'}", metric)
    elif split != "val" or not name:
        problem = "must name a validation metric, val/<metric> or val/<head>/<metric>"
        yield Mistake(key, problem, f"{key}=val/{metric.strip('/') if is_known(metric) else 'f1_macro'}", metric)
    yield from _mode("objective.mode", metric, mode)


def _mode(key: str, metric: str, mode: str) -> Found:
    if mode != sense(metric) and is_known(metric):
        wanted = "smaller" if mode == "max" else "larger"
        yield Mistake(key, f"{metric} is better when {wanted}", f"{key}={sense(metric)}", mode)


def _early_stopping(metric: str | None, mode: str | None) -> Found:
    key = "callbacks.early_stopping.metric"
    if metric is None:
        if mode is not None:
            problem = "has no effect without callbacks.early_stopping.metric; the objective brings its own mode"
            yield Mistake("callbacks.early_stopping.mode", problem, "callbacks.early_stopping.mode=null", mode)
        return
    if metric.startswith("test/"):
        problem = "stopping on test rows makes the test score too good"
        yield Mistake(key, problem, f"{key}=val/{metric.removeprefix('test/')}", metric)
    if mode is not None:
        yield from _mode("callbacks.early_stopping.mode", metric, mode)


def _on_trained_rows(on_val: bool, patience: int | None) -> Found:
    if on_val and patience is not None:
        key = "callbacks.early_stopping.patience"
        yield Mistake(
            key, "stops by rows that are used for training (data.split.train_on_val=true)", f"{key}=null", patience
        )


def _refit(refit: bool, on_val: bool) -> Found:
    if refit and on_val:
        problem = "the first fit already trains on the validation rows (data.split.train_on_val=true), so none chooses"
        yield Mistake("data.split.refit", problem, "data.split.train_on_val=false, or data.split.refit=false", True)


def _refit_schedule(refit: bool, schedule: str) -> Found:
    if refit and schedule == "plateau":
        problem = "scheduler=plateau follows validation rows, which a refit trains on"
        yield Mistake("data.split.refit", problem, "scheduler=linear, or data.split.refit=false", True)


def _warmup(ratio: float, steps: int | None) -> Found:
    if steps is not None and float(ratio) > 0:
        problem = f"scheduler.warmup_ratio={ratio} also sets the warm-up; give one of the two"
        yield Mistake(
            "scheduler.warmup_steps", problem, f"scheduler.warmup_steps={steps} scheduler.warmup_ratio=0", steps
        )


def _accumulation(number: int, schedule: Mapping[int, int] | None) -> Found:
    if int(number) != 1 and schedule:
        key = "trainer.accumulate_grad_batches"
        problem = "is the same in every epoch, and callbacks.accumulate.schedule sets it by epoch; give one of the two"
        yield Mistake(key, problem, f"{key}=1, or callbacks.accumulate.schedule=null", number)


def _range_test(enabled: bool, low: float, high: float) -> Found:
    if enabled and float(low) >= float(high):
        remedy = "callbacks.lr_finder.min_lr=1e-7 callbacks.lr_finder.max_lr=1"
        yield Mistake("callbacks.lr_finder.min_lr", f"must be below callbacks.lr_finder.max_lr={high}", remedy, low)


def _batch_search(enabled: bool, largest: int, start: int) -> Found:
    if enabled and int(start) > int(largest):
        key = "callbacks.batch_finder.max_batch_size"
        yield Mistake(key, f"is below data.batch_size={start}, where the search starts", f"{key}={start}", largest)


def _one_bound(enabled: bool, max_tokens: int | None) -> Found:
    if enabled and max_tokens is not None:
        problem = "looks for the most rows that fit at the longest length, which data.max_tokens already limits"
        yield Mistake("callbacks.batch_finder.enabled", problem, "data.max_tokens=null, or no batch finder", True)


def _one_source(resume: str | None, test: str | None) -> Found:
    if resume is not None and test is not None:
        yield Mistake(
            "test",
            "a run is either resumed or tested",
            f"{quoted('resume', resume)}, then {quoted('test', test)}",
            test,
        )


def _nesterov(nesterov: bool, momentum: float, dampening: float) -> Found:
    if nesterov and (float(momentum) == 0 or float(dampening) != 0):
        problem = "needs optimizer.momentum above 0 and optimizer.dampening=0"
        yield Mistake("optimizer.nesterov", problem, "optimizer.momentum=0.9 optimizer.dampening=0", True)


def _cycled_momentum(optimizer: str, schedule: str, cycles: bool) -> Found:
    if schedule == "one_cycle" and cycles and optimizer == "adafactor":
        problem = "optimizer=adafactor has no momentum to cycle"
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
        problem = "a learning rate that follows test rows makes the test score too good"
        yield Mistake("scheduler.metric", problem, f"scheduler.metric=val/{metric.removeprefix('test/')}", metric)


def _other_losses(data: str, kind: str) -> Found:
    if GIVES[data] == QUESTIONS and kind != "cross_entropy":
        problem = "has no effect: the loss of questions is the cross-entropy of start and end"
        yield Mistake("loss", problem, "loss=default loss.kind=cross_entropy", kind)


def _pretraining(pretrain: bool, loss: str) -> Found:
    if pretrain and loss == "custom":
        problem = "has no effect: the loss of pretraining is the squared error of the next patch"
        yield Mistake("loss", problem, "loss=default", loss)


def _without_heads(data: str, extra: Mapping[str, Any] | None) -> Found:
    if extra and GIVES[data] == QUESTIONS:
        problem = "has no effect: these metrics are of label heads, which questions do not have"
        yield Mistake("metrics.extra", problem, "metrics.extra=null", list(extra))


def _forecasts(pretrain: bool, extra: Mapping[str, Any] | None) -> Found:
    if extra and pretrain:
        problem = "has no effect: these metrics are of label heads, which pretraining does not have"
        yield Mistake("metrics.extra", problem, "metrics.extra=null", list(extra))


def _extra(extra: Mapping[str, Mapping[str, Any]] | None) -> Found:
    for name, node in (extra or {}).items():
        target, key = str(node.get("_target_", "")), f"callbacks.extra.{name}"
        kind = target.rpartition(".")[2] if target.startswith("lightning.") else ""
        if kind == "StochasticWeightAveraging":
            problem = "averages after the last validation: neither best.ckpt nor the test would have its weights"
            yield Mistake(f"{key}._target_", problem, f"{key}._target_={AVERAGE}", target)
        if kind == "Timer" and node.get("duration") is not None:
            problem = "may stop between the micro-batches of a step, whose gradients are not in a checkpoint"
            yield Mistake(f"{key}.duration", problem, f"leave it out, and trainer.max_time={node['duration']}")


RULES: tuple[Rule, ...] = (
    (("objective.metric", "objective.mode"), _objective),
    (("callbacks.early_stopping.metric", "callbacks.early_stopping.mode"), _early_stopping),
    (("data.split.train_on_val", "callbacks.early_stopping.patience"), _on_trained_rows),
    (("data.split.refit", "data.split.train_on_val"), _refit),
    (("data.split.refit", "scheduler.kind"), _refit_schedule),
    (("scheduler.warmup_ratio", "scheduler.warmup_steps"), _warmup),
    (("trainer.accumulate_grad_batches", "callbacks.accumulate.schedule"), _accumulation),
    (("callbacks.lr_finder.enabled", "callbacks.lr_finder.min_lr", "callbacks.lr_finder.max_lr"), _range_test),
    (("callbacks.batch_finder.enabled", "callbacks.batch_finder.max_batch_size", "data.batch_size"), _batch_search),
    (("callbacks.batch_finder.enabled", "data.max_tokens"), _one_bound),
    (("resume", "test"), _one_source),
    (("optimizer.nesterov", "optimizer.momentum", "optimizer.dampening"), _nesterov),
    (("optimizer.kind", "scheduler.kind", "scheduler.cycle_momentum"), _cycled_momentum),
    (("scheduler.base_momentum", "scheduler.max_momentum"), _momentum_range),
    (("scheduler.metric", "scheduler.mode"), _plateau),
    (("data.kind", "loss.kind"), _other_losses),
    (("model.pretrain", "loss.kind"), _pretraining),
    (("data.kind", "metrics.extra"), _without_heads),
    (("model.pretrain", "metrics.extra"), _forecasts),
    (("callbacks.extra",), _extra),
)
