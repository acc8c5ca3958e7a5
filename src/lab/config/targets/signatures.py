"""The classes and functions that nodes name, and the arguments that these take.

Where a class passes `**kwargs` on, the arguments of its base classes count, and for some classes of Lightning and
torchmetrics those of what receives them, so that a misspelt one is found before any data is read.
"""

import importlib
import inspect
from collections.abc import Mapping
from functools import cache
from typing import Any

from lab.config.targets.slots import PACKAGES

PASSED_ON: dict[str, tuple[str, ...]] = {
    "torchmetrics.metric.Metric": (
        "compute_on_cpu", "dist_sync_on_step", "process_group", "dist_sync_fn", "distributed_available_fn",
        "sync_on_compute", "compute_with_cache",
    ),
    "lightning.pytorch.callbacks.weight_averaging.WeightAveraging": ("avg_fn", "multi_avg_fn"),
    "lightning.pytorch.callbacks.model_summary.ModelSummary": ("header_style",),
    "lightning.pytorch.callbacks.throughput_monitor.ThroughputMonitor": ("window_size", "separator"),
    "lightning.pytorch.loggers.tensorboard.TensorBoardLogger": (
        "comment", "purge_step", "max_queue", "flush_secs", "filename_suffix",
    ),
}  # fmt: skip
"""By class, the names that its `**kwargs` may have, which its own code or an object that it makes receives."""
ROOTS = ("builtins.object", "torch.nn.modules.module.Module", "lightning.pytorch.core.module.LightningModule")
"""Classes whose `**kwargs` are there for subclasses and take nothing."""


def argument_names(node: Mapping[str, Any]) -> set[str]:
    """Names of the arguments that the signature of a node's class or function has."""
    return {*parameters(defining_class(node))[0]}


def defining_class(node: Mapping[str, Any]) -> Any:
    """The class or function that a node names."""
    return located(str(node["_target_"]))


@cache
def parameters(called: Any) -> tuple[dict[str, bool], bool]:
    """The arguments by name, with whether each is required; and whether any other name is taken, too."""
    if inspect.isclass(called) and isinstance(new := vars(called).get("__new__"), staticmethod):
        names, takes_any = _own(new.__func__, is_first=True, bound=True)  # torchmetrics.Accuracy makes another class
        bases = {qualified(base) for base in called.__mro__}
        if takes_any and (passed := [PASSED_ON[base] for base in bases & {*PASSED_ON}]):
            return names | dict.fromkeys([name for each in passed for name in each], False), False
        return names, takes_any
    if not inspect.isclass(called):
        return _own(called, is_first=True, bound=False)
    result: dict[str, bool] = {}
    for_plugin = takes_any = False
    for number, base in enumerate(base for base in called.__mro__ if "__init__" in vars(base)):
        address = qualified(base)
        if address in ROOTS:
            return result, number > 0 and takes_any
        names, takes_any = _own(vars(base)["__init__"], is_first=number == 0, bound=True)
        result = names | result
        if takes_any and address in PASSED_ON:
            result, takes_any = dict.fromkeys(PASSED_ON[address], False) | result, False
        for_plugin |= takes_any and address.partition(".")[0] not in PACKAGES  # it may use them itself
        if not takes_any:
            break
    return result, takes_any or for_plugin


def _own(maker: Any, is_first: bool, bound: bool) -> tuple[dict[str, bool], bool]:
    """The arguments of one function. is_first: required ones count; bound: the first one is the object or class."""
    try:
        found = list(inspect.signature(maker).parameters.values())[int(bound) :]
    except (TypeError, ValueError):
        return {}, True
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    names = {each.name: is_first and each.default is each.empty for each in found if each.kind in named}
    return names, any(each.kind is each.VAR_KEYWORD for each in found)


def qualified(found: Any) -> str:
    """The module and the name of a class or function."""
    return f"{getattr(found, '__module__', '')}.{getattr(found, '__qualname__', '')}"


@cache
def located(address: str) -> Any:
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
