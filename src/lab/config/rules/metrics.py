"""The metrics that a task logs: any other metric can be neither the objective nor a reason to stop.

Pure functions of the values at their keys, as all rules; see `lab.config.rules`. The area under the curve is logged
for two classes only, which only the data show.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from lab.config.metric_direction import direction, is_metric, unknown_direction
from lab.config.rules.rule import Found, Rule
from lab.config.rules.tasks import CUSTOM, GIVES, LABELLED, QUESTIONS, SERIES
from lab.core.errors import Mistake, listed

OBJECTIVE, STOPPING, SCHEDULE = "objective.metric", "callbacks.early_stopping.metric", "scheduler.metric"
_CLASSES = ("f1_macro", "accuracy", "balanced_accuracy", "precision_macro", "recall_macro", "f1_weighted", "mcc",
            "loss", "auc")  # fmt: skip
NAMES = {LABELLED: _CLASSES, SERIES: _CLASSES, QUESTIONS: ("f1", "em", "loss")}
"""By task, without the split `val/`; runs are compared by the first one."""


def is_known(metric: str) -> bool:
    """Return whether some task logs a metric of that name."""
    return any(metric.rsplit("/", 1)[-1] in names for names in NAMES.values())


def _logged(key: str, metric: str | None, kind: str, extra: Mapping[str, Any] | None) -> Found:
    if metric is None or metric.partition("/")[0] not in ("val", "train") or "/" not in metric:
        return  # another rule says that a split is missing, or that it is the wrong one
    if GIVES[kind] == CUSTOM:
        return  # only the module knows what it logs
    names, split = (*NAMES[GIVES[kind]], *(extra or {})), metric.partition("/")[0]
    head, _, name = metric.partition("/")[2].rpartition("/")
    if name not in names or (head and GIVES[kind] != LABELLED):
        near = name if name in names else names[0]
        problem = f"data of kind {kind} have no such metric; there are {listed([f'{split}/{one}' for one in names])}"
        yield Mistake(key, problem, f"{key}={split}/{near}", metric)


def _objective(metric: str, kind: str, extra: Mapping[str, Any] | None) -> Found:
    if metric.startswith("val/"):
        yield from _logged(OBJECTIVE, metric, kind, extra)


def _early_stopping(metric: str | None, kind: str, extra: Mapping[str, Any] | None) -> Found:
    yield from _logged(STOPPING, metric, kind, extra)


def _schedule(metric: str | None, kind: str, extra: Mapping[str, Any] | None) -> Found:
    if metric is not None and metric.partition("/")[0] not in ("val", "train", "test"):
        problem = "must name a validation metric, val/<metric> or val/<head>/<metric>"
        yield Mistake(SCHEDULE, problem, f"{SCHEDULE}=val/{metric.strip('/') or 'loss'}", metric)
    yield from _logged(SCHEDULE, metric, kind, extra)


def _scheduled_heads(metric: str | None, labels: Sequence[str]) -> Found:
    yield from _heads_of(SCHEDULE, metric, labels)


def _heads(objective: str, stopping: str | None, labels: Sequence[str]) -> Found:
    for key, metric in ((OBJECTIVE, objective), (STOPPING, stopping)):
        yield from _heads_of(key, metric, labels)


def _names(extra: Mapping[str, Any] | None) -> Found:
    """Check that extra metrics have names of their own."""
    for name in extra or {}:
        if name in _CLASSES or "/" in name or not name:
            problem = "is a metric that every run has" if name in _CLASSES else "cannot be the name of a metric"
            yield Mistake(f"metrics.extra.{name}", problem, "another name", name)


def _direction_of(key: str, metric: str | None, mode: str | None, kind: str, extra: Mapping[str, Any] | None) -> Found:
    """Check a mode against what the class of an extra metric says; a direction that nothing says has to be typed."""
    name, nodes = (metric or "").rsplit("/", 1)[-1], extra or {}
    if metric is None or (name not in nodes and GIVES[kind] != CUSTOM):
        return
    if name in nodes and not is_metric(nodes[name]):
        return  # the target is refused
    known = direction(metric, nodes, GIVES[kind] == CUSTOM)
    if known is None and mode is None:
        yield unknown_direction(key, metric, nodes)
    elif name in nodes and known is not None and mode not in (known, None):
        wanted = "larger" if known == "max" else "smaller"
        yield Mistake(key, f"{metric} is better when {wanted}", f"{key}={known}", mode)


def _directions(key: str) -> Callable[..., Found]:
    return partial(_direction_of, key)


def _heads_of(key: str, metric: str | None, labels: Sequence[str]) -> Found:
    """Check heads against the label columns: each is a head, and a single head is not named in a metric."""
    if metric is not None:
        split, _, rest = metric.partition("/")
        head, _, name = rest.rpartition("/")
        if head and name in NAMES[LABELLED] and (head not in labels or len(labels) == 1):
            heads = listed([f"{split}/{label}/{name}" for label in labels]) if len(labels) > 1 else f"{split}/{name}"
            yield Mistake(key, f"there is no label column {head}; there are {heads}", f"{key}={split}/{name}", metric)


RULES: tuple[Rule, ...] = (
    ((OBJECTIVE, "data.kind", "metrics.extra"), _objective),
    ((STOPPING, "data.kind", "metrics.extra"), _early_stopping),
    ((SCHEDULE, "data.kind", "metrics.extra"), _schedule),
    ((OBJECTIVE, STOPPING, "data.labels"), _heads),
    ((SCHEDULE, "data.labels"), _scheduled_heads),
    (("metrics.extra",), _names),
    *(
        ((metric, mode, "data.kind", "metrics.extra"), _directions(mode))
        for metric, mode in (
            (OBJECTIVE, "objective.mode"),
            (STOPPING, "callbacks.early_stopping.mode"),
            (SCHEDULE, "scheduler.mode"),
        )
    ),
)
