"""Whether less or more of a metric is better, for the metrics of a task and for those of `metrics.extra`."""

import sys
from collections.abc import Mapping
from typing import Any, Literal


def direction(metric: str, extra: Mapping[str, Mapping[str, Any]]) -> Literal["min", "max"] | None:
    """`min` for losses, else `max`; of an extra metric what its class says, None where it says nothing.

    metric: as logged, `val/f1_macro`; extra: the nodes of `metrics.extra`, whose classes were found to be metrics.
    """
    name = metric.rsplit("/", 1)[-1]
    if name not in extra:
        return "min" if name == "loss" else "max"
    from lab.config.targets import defining_class  # its imports need `lab.config.rules`, which imports this module

    known = _higher_is_better(defining_class(extra[name]))
    return None if known is None else "max" if known else "min"


def _higher_is_better(kind: Any) -> bool | None:
    if (known := getattr(kind, "higher_is_better", None)) is not None:
        return bool(known)
    # torchmetrics.Accuracy makes a MulticlassAccuracy of its own module, and has no direction itself
    made = getattr(sys.modules.get(kind.__module__), f"Multiclass{kind.__name__}", None)
    return getattr(made, "higher_is_better", None)
