"""Contradictions about time series: splits by time, labels, and nets that are not trained by steps.

Pure functions of the values at their keys, as all rules; see `lab.config.rules`.
"""

from collections.abc import Sequence
from typing import Any

from lab.config.rules.data import OTHER_COLUMN
from lab.config.rules.rule import Found, Rule
from lab.config.rules.tasks import GIVES, SERIES
from lab.core.errors import Mistake
from lab.core.hydra_quoting import quoted


def _dates(val_from: str | None, test_from: str | None) -> Found:
    if (val_from is None) != (test_from is None):
        given, other = ("test_from", "val_from") if val_from is None else ("val_from", "test_from")
        problem = (
            f"is given without data.split.{other}: two moments divide the table into train, val and test, or shares do"
        )
        value = test_from if val_from is None else val_from
        side = "after" if other == "test_from" else "before"
        remedy = f"data.split.{given}=null, or data.split.{other}=DATE (a moment {side} it)"
        yield Mistake(f"data.split.{given}", problem, remedy, value)
    elif val_from is not None and test_from is not None and str(val_from) >= str(test_from):
        problem = f"is not before data.split.test_from={test_from}"
        remedy = "data.split.val_from=null data.split.test_from=null, or moments in the order of time"
        yield Mistake("data.split.val_from", problem, remedy, val_from)


def _label(label: Any, kind: str) -> Found:
    if kind == "rainfall" and isinstance(label, str):
        remedy = "'data.label={feature: rain, horizon: 3, threshold: 0.1}'"
        yield Mistake(
            "data.label", "the generated weather has no column of classes; labels follow a rule", remedy, label
        )


def _columns(time: str | Sequence[str], group: str | None, features: Sequence[str] | None, label: Any) -> Found:
    moments = [time] if isinstance(time, str) else list(time)
    names = [("data.time", name) for name in moments]
    names += [("data.group", group), ("data.label", label if isinstance(label, str) else None)]  # type: ignore[list-item]
    for key, name in names:
        if name is not None and name in (features or ()):
            problem = f"{name!r} is also an input" + (
                ": a model that reads its label learns nothing" if key == "data.label" else ""
            )
            rest = [column for column in features or () if column != name]
            yield Mistake("data.features", problem, quoted("data.features", rest), list(features or ()))
    used: dict[str, str] = {}
    for key, name in names:
        if name is not None and name in used:
            remedy = {
                "data.time": quoted("data.time", list(dict.fromkeys(moments))),
                "data.group": "data.group=null",
                "data.label": f"data.label={OTHER_COLUMN}",
            }[key]
            yield Mistake(key, f"{name!r} is already {used[name]}; a column can have one role only", remedy, name)
        elif name is not None:
            used[name] = key
    twice = sorted({name for name in features or () if list(features or ()).count(name) > 1})
    if twice:
        once = quoted("data.features", list(dict.fromkeys(features or ())))
        yield Mistake("data.features", f"names {', '.join(twice)} more than once", once, features)


def _steps(step: str, resample: str | None) -> Found:
    if step == "row" and resample is not None:
        problem = "has no effect: data.resample puts rows on equal steps"
        yield Mistake("data.step", problem, "data.step=time, or data.resample=null", step)


def _one_pass(kind: str, head: str, epochs: int | None, precision: Any, finder: bool) -> Found:
    """A ridge is solved once, after one look at every row."""
    if kind != "minirocket" or head != "ridge":
        return
    if epochs != 1:
        problem = "model.head=ridge is solved in closed form after one pass; more epochs add nothing"
        yield Mistake(
            "trainer.max_epochs",
            problem,
            "trainer.max_epochs=1, or model.head=logistic",
            "null" if epochs is None else epochs,
        )
    if str(precision) not in ("32", "32-true"):
        problem = "sums of squares over all rows need full precision"
        yield Mistake("trainer.precision", problem, "trainer.precision=32, or model.head=logistic", precision)
    if finder:
        problem = "model.head=ridge has no learning rate"
        yield Mistake("callbacks.lr_finder.enabled", problem, "callbacks.lr_finder.enabled=false", True)


def _leave_one_out(val: Any, kind: str) -> Found:
    if val == "leave_one_out" and kind != "minirocket":
        problem = f"needs a head in closed form, and model={kind} is trained step by step"
        yield Mistake("data.split.val", problem, "data.split.val=auto, or model=minirocket", val)


def _left_out_by(val: Any, head: str) -> Found:
    if val == "leave_one_out" and head == "logistic":
        problem = "needs a head in closed form, and model.head=logistic is trained step by step"
        yield Mistake("data.split.val", problem, "data.split.val=auto, or model.head=ridge", val)


def _nothing_left(val: Any, on_val: bool) -> Found:
    if val == "leave_one_out" and on_val:
        problem = "has no effect: data.split.val=leave_one_out holds out no case"
        yield Mistake("data.split.train_on_val", problem, "data.split.train_on_val=false", True)


def _pretraining(pretrain: bool, metric: str) -> Found:
    if pretrain and metric != "val/loss":
        problem = "next-patch prediction has no classes, so nothing but its loss can be compared"
        yield Mistake("objective.metric", problem, "objective.metric=val/loss objective.mode=min", metric)


def _foretold_gaps(pretrain: bool, gaps: str, resume: str | None, test: str | None) -> Found:
    """A run that was made before this rule can still be tested."""
    if pretrain and gaps == "interpolate" and resume is None and test is None:
        problem = "uses the values after a gap to fill it, which next-patch prediction has to predict"
        yield Mistake("data.missing_values", problem, "data.missing_values=ffill, or mask or drop", gaps)


def _text_only(kind: str, weighting: str) -> Found:
    if GIVES[kind] == SERIES and weighting == "uncertainty":
        problem = "weighs several heads against each other; series have one"
        yield Mistake("loss.head_weighting", problem, "loss.head_weighting=fixed", weighting)


def _past_labels(wanted: Any, label: Any) -> Found:
    if wanted is True and isinstance(label, str):
        problem = f"needs classes that follow a rule; new rows may have no column {label!r}"
        remedy = "data.past_labels=auto, or a rule: 'data.label={feature: rain, horizon: 1, threshold: 1.0}'"
        yield Mistake("data.past_labels", problem, remedy, wanted)


def _unread_labels(wanted: Any, pretrain: bool) -> Found:
    if wanted is True and pretrain:
        problem = "has no effect: next-patch prediction reads no labels"
        yield Mistake("data.past_labels", problem, "data.past_labels=auto", wanted)


RULES: tuple[Rule, ...] = (
    (("data.split.val_from", "data.split.test_from"), _dates),
    (("data.label", "data.kind"), _label),
    (("data.time", "data.group", "data.features", "data.label"), _columns),
    (("data.step", "data.resample"), _steps),
    (("data.past_labels", "data.label"), _past_labels),
    (("data.past_labels", "model.pretrain"), _unread_labels),
    (("model.kind", "model.head", "trainer.max_epochs", "trainer.precision", "callbacks.lr_finder.enabled"), _one_pass),
    (("data.split.val", "model.kind"), _leave_one_out),
    (("data.split.val", "model.head"), _left_out_by),
    (("data.split.val", "data.split.train_on_val"), _nothing_left),
    (("model.pretrain", "objective.metric"), _pretraining),
    (("model.pretrain", "data.missing_values", "resume", "test"), _foretold_gaps),
    (("data.kind", "loss.head_weighting"), _text_only),
)
