"""The content of calibration.json, which a predictor reads; checked on reading, since the file may be damaged.

temperatures: per head, the number that divides its logits. not_fitted: for heads without a temperature, the reason.
scores: per split and head, `ece_before`, `ece_after`, `brier_before`, `brier_after` and `rows`. reliability: per split
and head, the bins before and after as lists of [rows, mean confidence, accuracy]. coverage: per split and head, points
[threshold, share of rows whose probability reaches it, accuracy of these]. decisions: per head, how its class is
chosen, as `lab.training.doubt.decide` makes it; `offsets` are added to the log-probabilities of the classes, null for
the most probable class. novelty: the limits of rows that are like those of training, as `lab.training.doubt.novelty`
makes them; null where there are none. Imports no torch.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any

from lab.core.record.fields import DECISION, Shape, each, is_number, keyed, number, optional, pair, several, text

LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.02, 50.0
"""Bounds of a temperature. Below 1 it makes a model more certain, above 1 less."""


def _temperature(name: str, value: Any) -> Iterator[str]:
    if not is_number(value) or not LOWEST_TEMPERATURE <= value <= HIGHEST_TEMPERATURE:
        yield f"{name} is not a number from {LOWEST_TEMPERATURE} to {HIGHEST_TEMPERATURE:g}"


def _base64(name: str, value: Any) -> Iterator[str]:
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError, TypeError):
        yield f"{name} is not in base64"


def _curve(name: str, value: Any) -> Iterator[str]:
    is_list = isinstance(value, list) and bool(value)
    if not is_list or not all(isinstance(row, list) and len(row) == 3 and all(map(is_number, row)) for row in value):
        yield f"{name} is not a list of lists of three numbers"


_BINS = keyed("before", "after", before=_curve, after=_curve)
MEASURES = ("rows", "temperature", "ece_before", "ece_after", "brier_before", "brier_after")
_SCORES = keyed(*MEASURES, **dict.fromkeys(MEASURES, number))
FIELDS: Mapping[str, Shape] = {
    "temperatures": each(_temperature),
    "not_fitted": each(text),
    "scores": each(each(_SCORES)),
    "reliability": each(each(_BINS)),
    "novelty": optional(
        keyed(
            *("share", "limits", "common_tokens", "ranges"),
            share=number,
            limits=each(number),
            common_tokens=optional(_base64),
            ranges=each(pair(number)),
        )
    ),
    "coverage": each(each(_curve)),
    "decisions": each(
        keyed(*DECISION, "offsets", **DECISION, offsets=optional(several(number)), reason=optional(text))
    ),
}
NEEDED = ("temperatures", "not_fitted")


def offsets_of(content: Mapping[str, Any]) -> dict[str, list[float]]:
    """Return, for each head whose class is not always the most probable one, what is added to its log-probabilities.

    >>> offsets_of({"decisions": {"rain": {"offsets": [0.1, 1.9]}, "wind": {"offsets": None}}})
    {'rain': [0.1, 1.9]}
    """
    decisions: Mapping[str, Any] = content.get("decisions", {})
    return {head: each["offsets"] for head, each in decisions.items() if each["offsets"] is not None}


def calibration_faults(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield every fault of the content of calibration.json, in words."""
    lacking = [name for name in NEEDED if name not in content]
    yield from (f"it has no {name}" for name in lacking)
    unknown = [name for name in content if name not in FIELDS]
    yield from (f"it has a field {name[:40]!r}, which no calibration has" for name in unknown)
    faults = [fault for name, shape in FIELDS.items() if name in content for fault in shape(name, content[name])]
    yield from faults
    if not faults and not lacking:
        yield from _incomplete(content)


def _incomplete(content: Mapping[str, Any]) -> Iterator[str]:
    """Heads that have scores, but no temperature, reliability or coverage."""
    for split, heads in content.get("scores", {}).items():
        for head in heads:
            parts = {name: content.get(name, {}).get(split, {}) for name in ("reliability", "coverage")}
            parts["temperatures"] = content["temperatures"]
            lacking = [name for name, part in parts.items() if head not in part]
            yield from (f"{name} has no {split[:40]} of {head[:40]!r}" for name in lacking)
