"""The metrics that a task logs: any other metric can be neither the objective nor a reason to stop.

Pure functions of the values at their keys, as all rules; see `lab.config.rules`. The area under the curve is logged
for two classes only, which only the data show.
"""

from collections.abc import Sequence

from lab.config.rules.rule import Found, Rule
from lab.config.rules.tasks import ASKED, CUSTOM, GIVES, LABELLED, SERIES
from lab.core.errors import Mistake, listed

OBJECTIVE, STOPPING = "objective.metric", "callbacks.early_stopping.metric"
_CLASSES = ("f1_macro", "accuracy", "balanced_accuracy", "precision_macro", "recall_macro", "f1_weighted", "mcc",
            "loss", "auc")  # fmt: skip
NAMES = {LABELLED: _CLASSES, SERIES: _CLASSES, ASKED: ("f1", "em", "loss")}
"""By task, without the split `val/`; runs are compared by the first one."""


def is_known(metric: str) -> bool:
    """Return whether some task logs a metric of that name."""
    return any(metric.rsplit("/", 1)[-1] in names for names in NAMES.values())


def _logged(key: str, metric: str | None, kind: str) -> Found:
    if metric is None or metric.partition("/")[0] not in ("val", "train") or "/" not in metric:
        return  # another rule says that a split is missing, or that it is the wrong one
    if GIVES[kind] == CUSTOM:
        return  # only the module knows what it logs
    names, split = NAMES[GIVES[kind]], metric.partition("/")[0]
    head, _, name = metric.partition("/")[2].rpartition("/")
    if name not in names or (head and GIVES[kind] != LABELLED):
        near = name if name in names else names[0]
        problem = f"data of kind {kind} have no such metric; there are {listed([f'{split}/{one}' for one in names])}"
        yield Mistake(key, problem, f"{key}={split}/{near}", metric)


def _objective(metric: str, kind: str) -> Found:
    if metric.startswith("val/"):
        yield from _logged(OBJECTIVE, metric, kind)


def _early_stopping(metric: str | None, kind: str) -> Found:
    yield from _logged(STOPPING, metric, kind)


def _heads(objective: str, stopping: str | None, labels: Sequence[str]) -> Found:
    """Check heads against the label columns: each is a head, and a single head is not named in a metric."""
    for key, metric in ((OBJECTIVE, objective), (STOPPING, stopping)):
        split, _, rest = (metric or "").partition("/")
        head, _, name = rest.rpartition("/")
        if head and name in NAMES[LABELLED] and (head not in labels or len(labels) == 1):
            heads = listed([f"{split}/{label}/{name}" for label in labels]) if len(labels) > 1 else f"{split}/{name}"
            yield Mistake(key, f"there is no label column {head}; there are {heads}", f"{key}={split}/{name}", metric)


RULES: tuple[Rule, ...] = (
    ((OBJECTIVE, "data.kind"), _objective),
    ((STOPPING, "data.kind"), _early_stopping),
    ((OBJECTIVE, STOPPING, "data.labels"), _heads),
)
