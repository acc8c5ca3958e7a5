"""Contradictions between the arguments of the Trainer, and arguments that this version cannot serve.

Pure functions of the values at their keys, as all rules; see `lab.config.rules`. What depends on the number of batches
of an epoch is checked once the data are read (`lab.training.run_length`).
"""

from collections.abc import Mapping
from typing import Any

from lab.config.rules.models import SOLVED
from lab.config.rules.rule import Found, Rule
from lab.core.errors import Mistake
from lab.core.processes.devices import means_all
from lab.core.processes.world import num_devices, num_ranks

SINGLE, DDP, UNUSED = "single_device", "ddp", "ddp_find_unused_parameters_true"
STRATEGIES = ("auto", SINGLE, DDP, UNUSED)
LOW = ("16-true", "bf16-true")
ALONE = "trainer.devices=1 trainer.num_nodes=1 trainer.strategy=auto"
SMALLEST_EPS_16 = 1e-7
"""Below it, AdamW's eps rounds to 0 in fp16, whose smallest number is 6e-8."""


def _devices(devices: Any, num_nodes: int, strategy: str, accelerator: str) -> Found:
    count = num_devices(devices)
    if means_all(devices):
        if str(devices) == "-1" and accelerator == "cpu":
            problem = "means all GPUs, and trainer.accelerator=cpu has none"
            yield Mistake("trainer.devices", problem, "trainer.devices=auto", devices)
    elif count is None:
        problem = "must be the number of devices on each machine, a list of GPUs, or auto for all"
        yield Mistake("trainer.devices", problem, "trainer.devices=1", _plain(devices))
    elif not isinstance(devices, int | str) and accelerator == "cpu":
        problem = "lists GPUs, and trainer.accelerator=cpu has none"
        yield Mistake("trainer.devices", problem, f"trainer.devices={count}", _plain(devices))
    if num_nodes < 1:
        yield Mistake("trainer.num_nodes", "must be at least 1", "trainer.num_nodes=1", num_nodes)
    if strategy not in STRATEGIES:
        yield Mistake("trainer.strategy", _no_strategy(strategy), _instead_of(strategy, count), strategy)
    elif count is not None and num_nodes >= 1:
        yield from _alone_or_together(count, num_nodes, strategy)


def _alone_or_together(devices: int, num_nodes: int, strategy: str) -> Found:
    together = devices * num_nodes > 1
    if strategy == SINGLE and together:
        problem = f"trains on one device, and trainer.devices={devices}, trainer.num_nodes={num_nodes} are more"
        yield Mistake("trainer.strategy", problem, "trainer.strategy=ddp", strategy)
    if strategy in (DDP, UNUSED) and not together:
        problem = "needs at least two devices"
        yield Mistake("trainer.strategy", problem, "trainer.devices=2, or trainer.strategy=auto", strategy)


def _plain(devices: Any) -> Any:
    return list(devices) if isinstance(devices, tuple) else devices


def _no_strategy(strategy: str) -> str:
    allowed = f"allowed are {', '.join(STRATEGIES)}"
    if strategy.startswith(("fsdp", "deepspeed")):
        return f"needs GPUs in Lightning, and checkpoints in several parts, which no reader here takes; {allowed}"
    if strategy.startswith("ddp"):
        return f"is another way to start processes; trainer.strategy=ddp works in a notebook too; {allowed}"
    return f"is no strategy here; {allowed}"


def _instead_of(strategy: str, devices: int | None) -> str:
    together = "trainer.strategy=ddp" + ("" if (devices or 1) > 1 else " trainer.devices=2")
    return together if strategy.startswith(("ddp", "fsdp", "deepspeed")) else f"trainer.strategy=auto, or {together}"


def _is_one(devices: Any, num_nodes: int) -> bool:
    return num_ranks(devices, num_nodes) == 1


def _solved_alone(devices: Any, num_nodes: int, kind: str) -> Found:
    if kind in SOLVED and not _is_one(devices, num_nodes):
        problem = f"model={kind} is solved once after one pass, without the steps that devices share"
        yield Mistake("trainer.devices", problem, ALONE, _plain(devices))


def _ridge_alone(devices: Any, num_nodes: int, kind: str, head: str) -> Found:
    if kind == "minirocket" and head == "ridge" and not _is_one(devices, num_nodes):
        problem = "model.head=ridge is solved once after one pass, without the steps that devices share"
        yield Mistake("trainer.devices", problem, f"{ALONE}, or model.head=logistic", _plain(devices))


def _quantized_alone(devices: Any, num_nodes: int, method: str) -> Found:
    if method.startswith("q") and not _is_one(devices, num_nodes):
        problem = f"peft={method} has weights of 4 bits, which ranks cannot receive from rank 0"
        yield Mistake("trainer.devices", problem, f"{ALONE}, or peft={method[1:]}", _plain(devices))


def _finders_alone(devices: Any, num_nodes: int, batch_finder: bool, lr_finder: bool) -> Found:
    for name, on in (("batch_finder", batch_finder), ("lr_finder", lr_finder)):
        if on and not _is_one(devices, num_nodes):
            key = f"callbacks.{name}.enabled"
            problem = "measures one device with its part of a batch, not several that train together"
            yield Mistake(key, problem, f"{key}=false, or find the value with {ALONE}", True)


def _refit_alone(devices: Any, num_nodes: int, refit: bool) -> Found:
    if refit and not _is_one(devices, num_nodes):
        problem = "trains a second time on one device only"
        yield Mistake("data.split.refit", problem, f"data.split.refit=false, or {ALONE}", True)


def _epochs(least: int, most: int | None) -> Found:
    if most is not None and int(least) > int(most):
        yield Mistake(
            "trainer.min_epochs", f"is more than trainer.max_epochs={most}", f"trainer.max_epochs={least}", least
        )


def _steps(least: int | None, most: int | None) -> Found:
    if least is not None and most is not None and int(least) > int(most):
        problem = f"is more than trainer.max_steps={most}"
        yield Mistake("trainer.min_steps", problem, f"trainer.max_steps={least}", least)


def _unlimited(epochs: int | None, steps: int | None) -> Found:
    if epochs is None and steps is None:
        problem = "sets no limit, but the learning rate needs a known number of steps; give trainer.max_steps"
        yield Mistake("trainer.max_epochs", problem, "trainer.max_epochs=null trainer.max_steps=1000", "null")


def _validated(every: int | None, interval: float, epochs: int | None) -> Found:
    if every is None and isinstance(interval, float):
        problem = "counts batches across epochs, which a share of an epoch cannot do"
        yield Mistake("trainer.check_val_every_n_epoch", problem, "trainer.val_check_interval=100", "null")
    if every is not None and epochs is not None and int(every) > int(epochs):
        problem = f"is more than trainer.max_epochs={epochs}, so no epoch would be validated"
        yield Mistake("trainer.check_val_every_n_epoch", problem, f"trainer.check_val_every_n_epoch={epochs}", every)


def _debugging(fast: int, overfit: float, train: float, val: float) -> Found:
    """Lightning replaces the others by the first of these without a warning."""
    limits = {"trainer.limit_train_batches": train, "trainer.limit_val_batches": val}
    changed = [key for key, value in limits.items() if not _is_all(value)]
    if fast and overfit:
        problem = "sets the number of batches, as trainer.overfit_batches does; give one of the two"
        yield Mistake("trainer.fast_dev_run", problem, "trainer.fast_dev_run=false", fast)
    for key in changed:
        if overfit:
            problem = f"is set by trainer.overfit_batches={overfit}; give one of the two"
            yield Mistake(key, problem, f"{key}=1.0", limits[key])
        if fast:
            yield Mistake(key, "is set by trainer.fast_dev_run; give one of the two", f"{key}=1.0", limits[key])


def _is_all(batches: float) -> bool:
    return isinstance(batches, float) and batches == 1.0


def _overfit_schedule(overfit: float, schedule: Mapping[int, int] | None) -> Found:
    if overfit and schedule:
        problem = "uses the same batches in every epoch, but another accumulation would change the rows of a step"
        yield Mistake("trainer.overfit_batches", problem, "callbacks.accumulate.schedule=null", overfit)


def _clipping(algorithm: str, value: float | None) -> Found:
    if algorithm == "value" and value is None:
        problem = "has no effect without trainer.gradient_clip_val"
        yield Mistake("trainer.gradient_clip_algorithm", problem, "trainer.gradient_clip_val=0.5", algorithm)


def _reproducible(deterministic: Any, benchmark: bool | None) -> Found:
    if deterministic and benchmark:
        problem = "may choose other kernels in each run, which trainer.deterministic forbids"
        yield Mistake("trainer.benchmark", problem, "trainer.benchmark=null", True)


def _weights_in_other_formats(
    precision: Any, batch_finder: bool, lr_finder: bool, hidden_states: bool, method: str
) -> Found:
    """16-true, bf16-true and 64 change the weights, which what runs before the Trainer does not know."""
    if str(precision) not in (*LOW, "64", "64-true"):
        return
    mixed = "trainer.precision=bf16" if str(precision) in LOW else "trainer.precision=32"
    key = "trainer.precision"
    if batch_finder or lr_finder:
        yield Mistake(key, "the finders measure in 32 bits or mixed precision", mixed, precision)
    if hidden_states:
        yield Mistake(key, "cache.hidden_states stores the outputs of float32 weights", mixed, precision)
    if method.startswith("q"):
        yield Mistake(key, f"peft={method} has weights of 4 bits, which cannot be {precision}", mixed, precision)


def _scored_answers(precision: Any, kind: str) -> Found:
    if kind in ("squad", "qa_demo") and str(precision) in (*LOW, "64", "64-true"):
        problem = "changes the weights, and answers are scored by float32 weights"
        yield Mistake("trainer.precision", problem, "trainer.precision=bf16, or 32", precision)


def _small_eps(precision: Any, kind: str, eps: float) -> Found:
    if kind == "adamw" and str(precision) == "16-true" and float(eps) < SMALLEST_EPS_16:
        problem = "is 0 in fp16 (trainer.precision=16-true), so that AdamW divides by 0"
        yield Mistake("optimizer.eps", problem, "optimizer.eps=1e-4, or trainer.precision=bf16-true", eps)


def _one_look(kind: str, head: str, interval: float, every: int | None, steps: int | None) -> Found:
    if kind != "minirocket" or head != "ridge":
        return
    if not _is_all(interval) or every != 1:
        problem = "model.head=ridge is solved at the end of its epoch and validated there"
        remedy = "trainer.val_check_interval=1.0 trainer.check_val_every_n_epoch=1"
        yield Mistake("trainer.val_check_interval", problem, remedy, interval)
    if steps is not None:
        problem = "model.head=ridge reads every row once"
        yield Mistake("trainer.max_steps", problem, "trainer.max_steps=null, or model.head=logistic", steps)


RULES: tuple[Rule, ...] = (
    (("trainer.devices", "trainer.num_nodes", "trainer.strategy", "trainer.accelerator"), _devices),
    (("trainer.devices", "trainer.num_nodes", "model.kind"), _solved_alone),
    (("trainer.devices", "trainer.num_nodes", "model.kind", "model.head"), _ridge_alone),
    (("trainer.devices", "trainer.num_nodes", "peft.kind"), _quantized_alone),
    (("trainer.devices", "trainer.num_nodes", "callbacks.batch_finder.enabled", "callbacks.lr_finder.enabled"),
     _finders_alone),
    (("trainer.devices", "trainer.num_nodes", "data.split.refit"), _refit_alone),
    (("trainer.min_epochs", "trainer.max_epochs"), _epochs),
    (("trainer.min_steps", "trainer.max_steps"), _steps),
    (("trainer.max_epochs", "trainer.max_steps"), _unlimited),
    (("trainer.check_val_every_n_epoch", "trainer.val_check_interval", "trainer.max_epochs"), _validated),
    (("trainer.fast_dev_run", "trainer.overfit_batches", "trainer.limit_train_batches", "trainer.limit_val_batches"),
     _debugging),
    (("trainer.overfit_batches", "callbacks.accumulate.schedule"), _overfit_schedule),
    (("trainer.gradient_clip_algorithm", "trainer.gradient_clip_val"), _clipping),
    (("trainer.deterministic", "trainer.benchmark"), _reproducible),
    (("trainer.precision", "callbacks.batch_finder.enabled", "callbacks.lr_finder.enabled", "cache.hidden_states",
      "peft.kind"), _weights_in_other_formats),
    (("trainer.precision", "data.kind"), _scored_answers),
    (("trainer.precision", "optimizer.kind", "optimizer.eps"), _small_eps),
    (("model.kind", "model.head", "trainer.val_check_interval", "trainer.check_val_every_n_epoch", "trainer.max_steps"),
     _one_look),
)  # fmt: skip
