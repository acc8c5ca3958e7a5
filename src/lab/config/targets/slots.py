"""The places of a config that take a class by its `_target_`: what each takes, and the nodes that are there."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lab.config.dotted_keys import at, is_there
from lab.config.schema.optimizers import CustomOptimizer, CustomScheduler
from lab.config.schema.target import CustomData, CustomModel
from lab.config.schema.training import CustomLoss

PACKAGES = ("lightning", "torch", "torchmetrics", "transformers")
"""Packages whose classes a target may name, besides the plug-ins'."""
SCHEDULES = tuple(
    f"transformers.optimization.get_{name}"
    for name in (
        "constant_schedule", "constant_schedule_with_warmup", "linear_schedule_with_warmup",
        "cosine_schedule_with_warmup", "cosine_with_hard_restarts_schedule_with_warmup",
        "polynomial_decay_schedule_with_warmup", "inverse_sqrt_schedule", "wsd_schedule",
        "cosine_with_min_lr_schedule_with_warmup", "cosine_with_min_lr_schedule_with_warmup_lr_rate",
    )
)  # fmt: skip


@dataclass(frozen=True)
class Slot:
    """What a place of the config takes.

    base: import paths of the types, one of which a class has to be a subclass of; word: the type in a message;
    functions: import paths of functions that are taken too; injected: arguments that `lab` gives; reserved: those of
    them that a config may not give.
    """

    base: tuple[str, ...]
    word: str
    functions: tuple[str, ...] = ()
    injected: tuple[str, ...] = ()
    reserved: tuple[str, ...] = ()


CALLBACK = Slot(("lightning.pytorch.Callback",), "a callback of Lightning")
LOGGER = Slot(("lightning.pytorch.loggers.Logger",), "a logger of Lightning", injected=("save_dir",))
METRIC = Slot(("torchmetrics.Metric",), "a metric of torchmetrics", injected=("num_classes", "task"))
OPTIMIZER = Slot(("torch.optim.Optimizer",), "an optimizer of torch", (), ("params", "lr", "weight_decay"), ("params",))
SCHEDULER = Slot(
    ("torch.optim.lr_scheduler.LRScheduler", "torch.optim.lr_scheduler.ReduceLROnPlateau"),
    "a learning-rate scheduler of torch, or a schedule of transformers",
    SCHEDULES,
    ("optimizer", "num_warmup_steps", "num_training_steps", "num_decay_steps", "total_steps", "T_max"),
    ("optimizer", "last_epoch"),
)
LOSS = Slot(("torch.nn.Module",), "a loss module of torch", (), ("reduction", "num_classes"), ("reduction",))
MODULE = Slot(
    ("lightning.pytorch.LightningModule",), "a LightningModule", injected=("lr", "learning_rate", "weight_decay")
)
DATA = Slot(("lightning.pytorch.LightningDataModule",), "a LightningDataModule")
NESTED = Slot(
    tuple(dict.fromkeys(base for slot in (CALLBACK, LOGGER, METRIC, OPTIMIZER, SCHEDULER, LOSS, MODULE, DATA)
                        for base in slot.base)),
    "a module, optimizer, scheduler, metric, callback, logger or data module",
    SCHEDULES,
)  # fmt: skip
"""What a node inside the arguments of another one may be; classes and functions of a plug-in are taken too."""


CUSTOM = {
    "model": (MODULE, {*CustomModel.model_fields} - {"target"}),
    "data": (DATA, {*CustomData.model_fields} - {"target"}),
    "optimizer": (OPTIMIZER, {*CustomOptimizer.model_fields} - {"target"}),
    "scheduler": (SCHEDULER, {*CustomScheduler.model_fields} - {"target"}),
    "loss": (LOSS, {*CustomLoss.model_fields} - {"target"}),
}
"""Groups of which the kind `custom` is a node of the slot, with the keys that are settings of `lab`."""
BLANK = "???"
NAMED = ("scheduler.name", "scheduler.arguments")
"""Keys of a schedule of transformers by its name, whose arguments are those of a node."""
NAMED_SCHEDULES = {
    "linear": "linear_schedule_with_warmup",
    "cosine": "cosine_schedule_with_warmup",
    "cosine_with_restarts": "cosine_with_hard_restarts_schedule_with_warmup",
    "polynomial": "polynomial_decay_schedule_with_warmup",
    "constant": "constant_schedule",
    "constant_with_warmup": "constant_schedule_with_warmup",
    "inverse_sqrt": "inverse_sqrt_schedule",
    "cosine_with_min_lr": "cosine_with_min_lr_schedule_with_warmup",
    "cosine_warmup_with_min_lr": "cosine_with_min_lr_schedule_with_warmup_lr_rate",
    "warmup_stable_decay": "wsd_schedule",
}
"""By name in transformers, the function of it; transformers' own table is not read, since that takes a second."""
SLOTS = {"callbacks.extra": CALLBACK, "logger.extra": LOGGER, "metrics.extra": METRIC}
"""Keys below which each key is a node of the slot."""


def nodes(plain: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], Slot]]:
    """The dotted key, node and slot of each `_target_` of a config that is made by `lab`."""
    for group, (slot, own) in CUSTOM.items():
        node = plain.get(group)
        if isinstance(node, Mapping) and node.get("kind") == "custom" and node.get("_target_", BLANK) != BLANK:
            yield group, {name: value for name, value in node.items() if name not in own}, slot
    name, arguments = (at(plain, key) if is_there(plain, key) else None for key in NAMED)
    if name in NAMED_SCHEDULES and isinstance(arguments, Mapping):
        yield NAMED[1], named_schedule(name, arguments), SCHEDULER
    for parent, slot in SLOTS.items():
        below = at(plain, parent) if is_there(plain, parent) else None
        for name, node in below.items() if isinstance(below, Mapping) else ():
            if isinstance(node, Mapping) and "_target_" in node:
                yield f"{parent}.{name}", node, slot


def named_schedule(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The node of a schedule of transformers."""
    return {"_target_": f"transformers.optimization.get_{NAMED_SCHEDULES[name]}", **arguments}
