"""The fields of run.json and their allowed values, checked on reading: a record may be damaged, or somebody else's."""

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Literal, get_args

from lab.core.record.baseline_comparison import ACCURACY, FIELD, comparison_faults
from lab.core.record.baselines import has_splits

SCHEMA_VERSION = 1
Status = Literal["running", "completed", "early_stopped", "terminated", "failed", "interrupted"]
Shape = Callable[[str, Any], Iterator[str]]
"""From a field's dotted name and its value to every fault, in words."""
PENDING = ("figures", "loggers", "merged", "reference", "baselines")
PLACE = ("epoch", "step")
BEFORE_TRAINING = -1
"""Epoch, counted from 0, of a validation before the first step."""
LARGEST = 2**63 - 1
LARGEST_PID = 2**31 - 1


def faults(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield every fault of a record, with the dotted name of the field."""
    if "schema_version" not in record:
        yield "it has no schema_version"
        return
    unknown = [name for name in record if name not in FIELDS]
    yield from (f"it has a field {name[:40]!r}, which no record has" for name in unknown)
    for name, value in record.items():
        yield from FIELDS[name](name, value) if name in FIELDS else ()
    if "status" not in record:
        yield "it has no status"


def row_faults(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield every fault of a line of history.jsonl: `step` is a count, `epoch` too, or `BEFORE_TRAINING`; other values
    are numbers or null."""
    yield from (f"it has no {name}" for name in PLACE if name not in row)
    shapes = {"epoch": epoch_number, "step": count}
    for name, value in row.items():
        yield from shapes.get(name, optional(number))(name, value)


def is_validation(metrics: Mapping[str, object]) -> bool:
    """Return True if any metric is of the validation split."""
    return any(name.startswith("val/") for name in metrics)


def is_test(metrics: Mapping[str, object]) -> bool:
    """Return True if any metric is of the test split."""
    return any(name.startswith("test/") for name in metrics)


def _is(words: str, fits: Callable[[Any], bool]) -> Shape:
    def check(name: str, value: Any) -> Iterator[str]:
        if not fits(value):
            yield f"{name} is not {words}"

    return check


def optional(shape: Shape) -> Shape:
    """Allow null, or a value of the shape."""
    return lambda name, value: iter(()) if value is None else shape(name, value)


def each(shape: Shape) -> Shape:
    """Allow a mapping of text to values of one shape."""

    def check(name: str, value: Any) -> Iterator[str]:
        if not isinstance(value, Mapping):
            yield f"{name} is not a mapping"
            return
        for key, item in value.items():
            yield from shape(f"{name}.{key}", item)

    return check


def several(shape: Shape) -> Shape:
    """Allow a list of values of one shape."""

    def check(name: str, value: Any) -> Iterator[str]:
        if not isinstance(value, list):
            yield f"{name} is not a list"
            return
        for place, item in enumerate(value):
            yield from shape(f"{name}[{place}]", item)

    return check


def pair(shape: Shape) -> Shape:
    """Allow a list of two values of one shape."""

    def check(name: str, value: Any) -> Iterator[str]:
        yield from several(shape)(name, value)
        if isinstance(value, list) and len(value) != 2:
            yield f"{name} is not a pair"

    return check


def keyed(*needed: str, **shapes: Shape) -> Shape:
    """Allow a mapping that has the keys of `needed`; shapes: of the values of known keys."""

    def check(name: str, value: Any) -> Iterator[str]:
        if not isinstance(value, Mapping):
            yield f"{name} is not a mapping"
            return
        yield from (f"{name} has no {key}" for key in needed if key not in value)
        for key, shape in shapes.items():
            if key in value:
                yield from shape(f"{name}.{key}", value[key])

    return check


def is_number(value: Any) -> bool:
    """Return whether the value is a number that fits into a table: finite, and 64 bits for an integer."""
    if type(value) is int:
        return abs(value) <= LARGEST
    return type(value) is float and math.isfinite(value)


def _is_moment(value: Any) -> bool:
    try:
        datetime.fromisoformat(value).timestamp()
    except (TypeError, ValueError, OverflowError, OSError):
        return False
    return True


text = _is("text", lambda value: isinstance(value, str))
number = _is("a finite number", is_number)
count = _is("a whole number from 0 on", lambda value: type(value) is int and 0 <= value <= LARGEST)
epoch_number = _is(
    "a whole number from -1 on", lambda value: type(value) is int and BEFORE_TRAINING <= value <= LARGEST
)
integer = _is("a whole number", lambda value: type(value) is int and abs(value) <= LARGEST)
pid = _is("the number of a process", lambda value: type(value) is int and 0 < value <= LARGEST_PID)
moment = _is("a date and time in ISO 8601", _is_moment)
switch = _is("true or false", lambda value: isinstance(value, bool))
mapping = _is("a mapping", lambda value: isinstance(value, Mapping))
REQUESTED = optional(each(keyed("requested", "used")))
"""The part of `requested` that a resumed run relies on; a report accepts any content."""
scores = optional(each(optional(number)))


def _baseline(name: str, value: Any) -> Iterator[str]:
    """Scores per split with a note, or the test scores alone, as older versions wrote them."""
    by_split = isinstance(value, Mapping) and has_splits(value)
    shape = (
        keyed(val=scores, test=scores, note=optional(text), calibration=each(each(scores)))
        if by_split
        else each(optional(number))
    )
    yield from shape(name, value)


def _comparison(name: str, value: Any) -> Iterator[str]:
    """A part of `baseline_comparison`: all of its fields are needed to show it, but those that came later."""
    texts = dict.fromkeys(("baseline", "chosen_on", "metric"), text)
    shapes: dict[str, Shape] = {**texts, "rows": count}
    later = {"resamples": count, "sample": optional(text), "blocks": optional(count), ACCURACY: optional(_difference)}
    yield from keyed(*shapes, **later, **shapes)(name, value)
    yield from _difference(name, value) if isinstance(value, Mapping) else ()


def _difference(name: str, value: Any) -> Iterator[str]:
    """Two scores, their difference with its interval, and the verdict."""
    shapes: dict[str, Shape] = dict.fromkeys(("own", "other", "difference"), number)
    shapes |= {"interval": pair(number), "verdict": text}
    yield from keyed(*shapes, **shapes)(name, value)
    yield from comparison_faults(name, value)


DECISION: Mapping[str, Shape] = {
    **dict.fromkeys(("tau", "argmax", "cross_fitted"), number),
    "metric": text,
    "rows": count,
    "interval": pair(number),
}
"""Of a head, how its class is chosen and what that gains on validation rows. Newer records also have `reason`: why the
most probable class stays, null where it does not."""
FIELDS: Mapping[str, Shape] = {
    "schema_version": count,
    "status": _is(f"one of {', '.join(get_args(Status))}", lambda value: value in get_args(Status)),
    "reason": optional(text),
    "failure": optional(text),
    "command": optional(text),
    "objective": optional(
        keyed(
            "metric",
            metric=text,
            mode=_is("min or max", lambda value: value in ("min", "max")),
            value=optional(number),
            epoch=optional(epoch_number),
            step=optional(count),
        )
    ),
    "metrics": optional(each(scores)),
    "baselines": optional(each(optional(_baseline))),
    FIELD: optional(keyed("overall", confidence=number, overall=_comparison, heads=each(_comparison))),
    "reference": scores,
    "calibration": optional(each(each(scores))),
    "decision": optional(
        keyed("heads", heads=each(keyed(*DECISION, **DECISION, reason=optional(text))), scores=each(each(scores)))
    ),
    "parameters": scores,
    "data": optional(
        keyed(
            name=optional(text),
            fingerprint=optional(text),
            validation=optional(text),
            compared_as=optional(text),
            truncated_share=optional(number),
            leaks=optional(each(keyed(same_share=optional(number)))),
            split=optional(keyed(drawn=optional(several(text)))),
        )
    ),
    "timing_s": optional(
        keyed(
            total=number, cpu=number, setup=number, fit=number, test=number, baselines=number, per_epoch=several(number)
        )
    ),
    "throughput": scores,
    "memory": scores,
    "versions": optional(each(text)),
    "git_commit": optional(text),
    "seed": optional(integer),
    "sweep": optional(
        keyed(study=optional(text), trial=optional(_is("a number or text", lambda value: type(value) in (int, str))))
    ),
    "model": optional(keyed(name=optional(text), kind=optional(text))),
    "requested": _is("", lambda _: True),
    "plugins": optional(several(keyed("name", "sha256", name=text, module=text, version=optional(text), sha256=text))),
    "callbacks": optional(several(text)),
    "resumed": optional(several(keyed("command", "at", command=text, at=text))),
    "warnings": optional(several(text)),
    "process": optional(keyed("pid", "host", "started", pid=pid, host=text, started=moment)),
    "cache": optional(mapping),
    "refit": optional(
        keyed(
            "epoch",
            "step",
            "steps",
            "rows",
            epoch=count,
            step=count,
            steps=count,
            planned=count,
            rows=count,
            status=text,
        )
    ),
    "pending": optional(several(_is(f"one of {', '.join(PENDING)}", lambda value: value in PENDING))),
}
"""By field of run.json, its shape. `baseline_comparison`: see the module of that name. `warnings`: lines of the run
about itself (overfitting). `cache`: entries that
`cache.hidden_states` used and made, {layers, dtype, key, entries, hits, bytes, seconds}; empty without it.
`calibration`: per split and head, the scores of probabilities before and after the temperature, as in calibration.json.
`decision`: per head, how its class is chosen, and where a class is not always the most probable one, per split the
scores of the most probable classes (`argmax`) and of the chosen ones (`chosen`). `requested`: settings for which the
run used another value (precision 16 on a CPU), with both values. `pending`: work that remained when the end was
recorded, empty once it is done."""
