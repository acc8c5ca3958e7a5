"""Whether less or more of a metric is better: by its name, or by the class of a metric of `metrics.extra`.

Of a metric that a custom module logs nothing is known but that a loss is better when it is smaller.
"""

import sys
from collections.abc import Mapping
from typing import Any, Literal

from lab.core.errors import Mistake

CUSTOM = "custom"
"""The kind of data whose metrics only a module knows."""
STAND_IN = "max"
Direction = Literal["min", "max"]


def direction(metric: str, extra: Mapping[str, Mapping[str, Any]], custom: bool = False) -> Direction | None:
    """`min` for losses, else `max`; of an extra metric what its class says. None where nothing is known.

    metric: as logged, `val/f1_macro`; extra: the nodes of `metrics.extra`; custom: whether a custom module logs it. A
    class that `metrics.extra` may not name is not imported, and None is returned.
    """
    name = metric.rsplit("/", 1)[-1]
    if name == "loss" or (custom and name.endswith("_loss")):
        return "min"
    if name not in extra:
        return None if custom else "max"
    from lab.config import targets  # its imports need `lab.config.rules`, which imports this module

    if not targets.is_taken(extra[name], targets.METRIC):
        return None
    known = _higher_is_better(targets.defining_class(extra[name]))
    return None if known is None else "max" if known else "min"


def unknown_direction(key: str, metric: str, extra: Mapping[str, Any]) -> Mistake:
    """The mistake of a mode that has to be typed. key: `objective.mode`."""
    name = metric.rsplit("/", 1)[-1]
    says = f"the class of metrics.extra.{name} does not say" if name in extra else "only your module knows"
    return Mistake(key, f"{says} whether less or more of {metric} is better", f"{key}=max, or {key}=min", "null")


def with_mode(plain: dict[str, Any]) -> tuple[dict[str, Any], list[Mistake]]:
    """Return the config (nested, resolved) with the direction of its metric in place of a null `objective.mode`.

    Where the direction is not known, `max` stands in and the mistake is returned, too.
    """
    objective = plain.get("objective")
    if not isinstance(objective, Mapping) or "mode" not in objective or objective["mode"] is not None:
        return plain, []
    metric, (extra, custom) = objective.get("metric"), metrics_of(plain)
    usable = isinstance(metric, str) and metric.startswith("val/")  # another mistake says what is wrong with it
    known = direction(str(metric), extra, custom) if usable else STAND_IN
    filled = {**plain, "objective": {**objective, "mode": known or STAND_IN}}
    if known is not None or (not custom and not is_metric(extra.get(str(metric).rsplit("/", 1)[-1]))):
        return filled, []
    return filled, [unknown_direction("objective.mode", str(metric), extra)]


def metrics_of(plain: Mapping[str, Any]) -> tuple[Mapping[str, Mapping[str, Any]], bool]:
    """The nodes of `metrics.extra` of a config, and whether its metrics are those of a custom module."""
    metrics, data = plain.get("metrics"), plain.get("data")
    nodes = metrics.get("extra") if isinstance(metrics, Mapping) else None
    extra = {str(name): node for name, node in nodes.items() if isinstance(node, Mapping)} if nodes else {}
    return extra, isinstance(data, Mapping) and data.get("kind") == CUSTOM


def is_metric(node: Mapping[str, Any] | None) -> bool:
    """Whether a node names a class that `metrics.extra` takes; one that it refuses is a mistake of its own."""
    from lab.config import targets

    return node is not None and targets.is_taken(node, targets.METRIC)


def _higher_is_better(kind: Any) -> bool | None:
    if (known := getattr(kind, "higher_is_better", None)) is not None:
        return bool(known)
    # torchmetrics.Accuracy makes a MulticlassAccuracy of its own module, and has no direction itself
    made = getattr(sys.modules.get(kind.__module__), f"Multiclass{kind.__name__}", None)
    return getattr(made, "higher_is_better", None)
