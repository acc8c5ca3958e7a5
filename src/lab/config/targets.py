"""Classes that a config names by `_target_`: which of them a slot takes, their arguments, and their making.

A `_target_` is code that a config runs, so a prefix of module names is not enough: many modules re-export functions
that unpickle or execute. A target has to be a class of its slot's type (or one of the functions that the slot lists)
from lightning, torch, torchmetrics, transformers or a module named in `plugins:`. Nodes inside nodes and lists are
checked alike. Arguments are checked against the signature before any data is read.
"""

import importlib
import inspect
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from hydra.utils import execution_whitelist, instantiate

from lab.config import plugins
from lab.config.dotted_keys import at, is_below, is_there
from lab.config.schema.optimizers import CustomOptimizer, CustomScheduler
from lab.config.schema.target import HYDRA_KEYS, CustomData, CustomModel
from lab.config.schema.training import CustomLoss
from lab.core.errors import Mistake, RequestError, listed, nearest

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


def mistakes(plain: Mapping[str, Any], wrong: Set[str]) -> Iterator[Mistake]:
    """Every mistake of the nodes with `_target_` in a config (nested, resolved).

    wrong: dotted keys that are known to be wrong, which are not judged again.
    """
    for key, node, slot in nodes(plain):
        if not any(is_below(other, [key]) for other in wrong):
            yield from _mistakes(key, node, slot, nested=False)


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


def is_taken(node: Mapping[str, Any], slot: Slot) -> bool:
    """Return whether a slot takes the class that a node names. A module that may not be imported is not."""
    return "_target_" in node and _refusal(str(node["_target_"]), slot, nested=False) is None


def named_schedule(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The node of a schedule of transformers."""
    return {"_target_": f"transformers.optimization.get_{NAMED_SCHEDULES[name]}", **arguments}


def argument_names(node: Mapping[str, Any]) -> set[str]:
    """Names of the arguments that the signature of a node's class or function has."""
    return {*_parameters(defining_class(node))[0]}


def make_with(key: str, node: Mapping[str, Any], *live: Any, **injected: Any) -> Any:
    """As `make`, with objects as the first arguments, which Hydra would copy: parameters, an optimizer."""
    called = _made({**node, "_partial_": True})
    given = {name: value for name, value in injected.items() if name in argument_names(node) - {*node}}
    try:
        return called(*live, **given)
    except (TypeError, ValueError, RuntimeError) as error:
        raise RequestError(_not_made(key, node, error)) from error


def _not_made(key: str, node: Mapping[str, Any], reason: BaseException) -> Mistake:
    problem = f"{node['_target_']} cannot be made: {str(reason).splitlines()[0] if str(reason) else type(reason)}"
    return Mistake(key, problem, f"other arguments below {key}")


def make(key: str, node: Mapping[str, Any], **injected: Any) -> Any:
    """The object of a node that `mistakes` has passed; injected: further arguments, given where the class takes them.

    Raises RequestError where the constructor refuses its arguments.
    """
    names, takes_any = _parameters(_located(str(node["_target_"])))
    given = {name: value for name, value in injected.items() if (name in names or takes_any) and name not in node}
    try:
        return _made(dict(node) | given)
    except Exception as error:
        own = str(node["_target_"]).partition(".")[0] not in PACKAGES
        if isinstance(error, RequestError) or (own and not isinstance(error, TypeError | ValueError)):
            raise  # a fault inside a plug-in is shown with its trace
        raise RequestError(_not_made(key, node, error)) from error


def _made(value: Any) -> Any:
    """The value with each node in it replaced by its object, the inner ones first.

    A partial one is Python's own, which a module can keep among its hyperparameters: Hydra's cannot be pickled, and
    Lightning drops from the hyperparameters what cannot.
    """
    if isinstance(value, list | tuple):
        return [_made(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    made = {name: _made(item) for name, item in value.items()}
    if "_target_" not in value:
        return made
    address, args = str(made.pop("_target_")), made.pop("_args_", [])
    partly = made.pop("_partial_", False)
    arguments = {name: item for name, item in made.items() if name not in HYDRA_KEYS}
    target = _located(address)
    if partly:
        return partial(target, *args, **arguments)
    with execution_whitelist([address, _qualified(target)]):
        return instantiate({"_target_": address}, *args, _convert_="all", _recursive_=False, **arguments)


def defining_class(node: Mapping[str, Any]) -> Any:
    """The class or function that a node names."""
    return _located(str(node["_target_"]))


def _mistakes(key: str, node: Mapping[str, Any], slot: Slot, nested: bool) -> Iterator[Mistake]:
    address = str(node["_target_"])
    if (problem := _refusal(address, slot, nested)) is not None:
        yield Mistake(f"{key}._target_", problem, _remedy(key, address, slot), address)
        return
    if node.get("_args_") and not nested:
        yield Mistake(f"{key}._args_", "arguments have names here", f"leave out {key}._args_", node["_args_"])
    if node.get("_partial_") and not nested:
        yield Mistake(f"{key}._partial_", f"this place takes {slot.word}, which is made here", f"{key}._partial_=false")
    yield from _wrong_arguments(key, node, slot, nested)
    for name, value in node.items():
        if name not in HYDRA_KEYS or name == "_args_":
            yield from _below(f"{key}.{name}", value)


def _below(key: str, value: Any) -> Iterator[Mistake]:
    if isinstance(value, Mapping):
        if "_target_" in value:
            yield from _mistakes(key, value, NESTED, nested=True)
        else:
            for name, item in value.items():
                yield from _below(f"{key}.{name}", item)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for place, item in enumerate(value):
            yield from _below(f"{key}.{place}", item)


def _refusal(address: str, slot: Slot, nested: bool) -> str | None:
    """Why a slot does not take what an address names; None where it does."""
    parts = address.split(".")
    ours = parts[0] in PACKAGES
    if not ours and not any(plugins.is_plugin_module(".".join(parts[:end])) for end in range(1, len(parts))):
        return f"is in none of {listed(PACKAGES)} and in no module that plugins names"
    try:
        found = _located(address)
    except (ImportError, AttributeError) as error:
        return f"cannot be imported: {error}"
    if address in slot.functions or _qualified(found) in slot.functions:
        return None
    if nested and not ours and (inspect.isclass(found) or inspect.isfunction(found)):
        return None
    if not inspect.isclass(found):
        return f"is no class; this place takes {slot.word}"
    if not issubclass(found, tuple(_located(base) for base in slot.base)):
        return f"is no {slot.word.removeprefix('a ').removeprefix('an ')}, which this place takes"
    if inspect.isabstract(found):
        return f"is abstract: it lacks {listed(sorted(getattr(found, '__abstractmethods__', ())))}"
    return None


def _remedy(key: str, address: str, slot: Slot) -> str:
    parts = address.split(".")
    if parts[0] in PACKAGES:
        with suppress(ImportError, AttributeError):
            room = _located(".".join(parts[:-1])) if len(parts) > 1 else None
            if near := nearest(parts[-1], [name for name in dir(room) if not name.startswith("_")]):
                other = ".".join([*parts[:-1], near])
                if near != parts[-1] and _refusal(other, slot, nested=False) is None:
                    return f"{key}._target_={other}"
        return ""
    is_here = Path(f"{parts[0]}.py").is_file() or Path(parts[0]).is_dir()
    if is_here and len(parts) > 1 and not plugins.is_plugin_module(parts[0]):
        return f"'plugins=[{'.'.join(parts[:-1])}]', if you trust it: importing it runs its code"
    return ""


def _wrong_arguments(key: str, node: Mapping[str, Any], slot: Slot, nested: bool) -> Iterator[Mistake]:
    """Arguments that the signature does not have, and those without a default that are missing."""
    called = _located(str(node["_target_"]))
    names, takes_any = _parameters(called)
    given = [str(name) for name in node if name not in HYDRA_KEYS]
    for name in given:
        if name in slot.reserved and not nested:
            yield Mistake(f"{key}.{name}", "is given by the run", f"leave out {key}.{name}", node[name])
        elif name not in names and not takes_any:
            near = nearest(name, names)
            problem = f"{node['_target_']} has no such argument" + (f"; the nearest is {near}" if near else "")
            shown = "..." if isinstance(node[name], Mapping | list) else node[name]
            yield Mistake(f"{key}.{name}", problem, f"{key}.{near}={shown}" if near else f"leave out {key}.{name}")
    if not nested:  # an inner node may be partial, or be completed by the class around it
        needed = [name for name, required in names.items() if required]
        for name in needed:
            if name not in given and name not in slot.injected:
                yield Mistake(f"{key}.{name}", f"{node['_target_']} needs this argument", f"+{key}.{name}=...")


@cache
def _parameters(called: Any) -> tuple[dict[str, bool], bool]:
    """The arguments by name, with whether each is required; and whether it takes any other name.

    Where a class passes `**kwargs` on, the arguments of its base classes count.
    """
    names: dict[str, bool] = {}
    bases = called.__mro__ if inspect.isclass(called) else ()
    if bases and isinstance(new := vars(called).get("__new__"), staticmethod):
        bases, called = (), new.__func__  # it makes another class, as torchmetrics.Accuracy does
    makers = [vars(base)["__init__"] for base in bases if "__init__" in vars(base)]
    takes_any = False
    for maker in makers or [called]:
        try:
            parameters = list(inspect.signature(maker).parameters.values())
        except (TypeError, ValueError):
            return names, True
        for parameter in parameters[1:] if makers or maker.__name__ == "__new__" else parameters:
            if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                required = parameter.default is parameter.empty and maker is (makers or [called])[0]
                names.setdefault(parameter.name, required)
        takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
        if not takes_any:
            break
    return names, takes_any


def _qualified(found: Any) -> str:
    return f"{getattr(found, '__module__', '')}.{getattr(found, '__qualname__', '')}"


@cache
def _located(address: str) -> Any:
    """The object at an import path. Raises ImportError or AttributeError where there is none."""
    parts = address.split(".")
    for end in range(len(parts), 0, -1):
        name = ".".join(parts[:end])
        try:
            found: Any = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
                raise
            continue
        for part in parts[end:]:
            found = getattr(found, part)
        return found
    raise ImportError(f"there is no module {parts[0]}")
