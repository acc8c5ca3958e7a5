"""A reference: what the training and test rows of a run are like. `reference.json` of the run folder holds it.

Predictions, confidences and unknown tokens are of the test rows, since a model is surer of rows that it was trained on
and their tokens are known. Everything else is of the training rows.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lab.core.reference.histogram import Histogram

Bits = npt.NDArray[np.bool_]
CHARACTERS, UNKNOWN_TOKENS, CONFIDENCE, VALUE = "characters/{}", "unknown tokens", "confidence/{}", "value/{}"
"""Names of the subjects that are numbers; the first is filled with a column, the others with a head or a channel."""
AT_ONCE = 1 << 22
"""Tokens that are read at a time."""


class Classes(NamedTuple):
    """The classes of a head and how many rows have each."""

    classes: tuple[str, ...]
    counts: npt.NDArray[np.int64]


class Numbers(NamedTuple):
    """A subject whose values are numbers, and the unit of its values."""

    histogram: Histogram
    unit: str


@dataclass
class Reference:
    """heads: labels of the training rows. predicted: per head (K,) test rows predicted as each class. numbers: by
    subject. seen: (V,) whether a token id occurs in the training texts; None for a run without tokens."""

    heads: dict[str, Classes] = field(default_factory=dict)
    predicted: dict[str, npt.NDArray[np.int64]] = field(default_factory=dict)
    numbers: dict[str, Numbers] = field(default_factory=dict)
    seen: Bits | None = None

    def add_numbers(self, subject: str, values: npt.ArrayLike, unit: str) -> None:
        """Add a subject by its values; it is left out if all of them are missing."""
        if not np.isnan(np.asarray(values, np.float64)).all():
            self.numbers[subject] = Numbers(Histogram.of(values), unit)

    def fields(self) -> dict[str, Any]:
        """Return the content of reference.json."""
        packed = None if self.seen is None else base64.b64encode(np.packbits(self.seen).tobytes()).decode("ascii")
        return {
            "heads": {
                name: {"classes": list(head.classes), "counts": head.counts.tolist()}
                for name, head in self.heads.items()
            },
            "predicted": {name: counts.tolist() for name, counts in self.predicted.items()},
            "numbers": {name: {**each.histogram.fields(), "unit": each.unit} for name, each in self.numbers.items()},
            "seen_tokens": packed,
        }

    @classmethod
    def from_fields(cls, content: Mapping[str, Any]) -> "Reference":
        """Return the reference that `fields` wrote. content: checked by `lab.core.record.reference_fields`."""
        packed = content["seen_tokens"]
        seen = None if packed is None else np.unpackbits(np.frombuffer(base64.b64decode(packed), np.uint8)).astype(bool)
        heads = {
            name: Classes(tuple(head["classes"]), np.array(head["counts"], np.int64))
            for name, head in content["heads"].items()
        }
        predicted = {name: np.array(counts, np.int64) for name, counts in content["predicted"].items()}
        numbers = {
            name: Numbers(Histogram.from_fields(each), each["unit"]) for name, each in content["numbers"].items()
        }
        return cls(heads, predicted, numbers, seen)


def seen_ids(ids: npt.NDArray[np.integer], size: int, never: Sequence[int] = ()) -> Bits:
    """Return which of `size` token ids occur among ids (N,). never: ids that count as unknown although they occur."""
    seen = np.zeros(size, np.bool_)
    for start in range(0, len(ids), AT_ONCE):
        seen[ids[start : start + AT_ONCE]] = True
    seen[list(never)] = False
    return seen


def unknown_shares(ids: npt.NDArray[np.integer], row_of: npt.NDArray[np.integer], num: int, seen: Bits) -> Any:
    """Return the share of unseen tokens of each of `num` rows (num,); NaN for a row without tokens.

    ids, row_of: (N,) the tokens and their rows.

    >>> unknown_shares(np.array([0, 1, 1]), np.array([0, 0, 2]), 3, np.array([True, False])).tolist()
    [0.5, nan, 1.0]
    """
    inside = ids < len(seen)
    unknown = ~(inside & seen[np.where(inside, ids, 0)])
    totals = np.bincount(row_of, minlength=num).astype(np.float64)
    totals[totals == 0] = np.nan
    return np.bincount(row_of, weights=unknown, minlength=num) / totals


def unknown_shares_of_rows(ids: npt.NDArray[np.integer], offsets: npt.NDArray[np.int64], seen: Bits) -> Any:
    """`unknown_shares` of rows whose tokens follow each other: row i has ids[offsets[i]:offsets[i + 1]].

    >>> unknown_shares_of_rows(np.array([0, 1, 1]), np.array([0, 2, 2, 3]), np.array([True, False])).tolist()
    [0.5, nan, 1.0]
    """
    is_unknown = np.append(~seen, True)  # the last place is for ids beyond the vocabulary
    before = np.zeros(len(offsets), np.int64)  # unknown tokens before each row
    total = first = 0
    while first < len(offsets) - 1:
        after = int(np.searchsorted(offsets, offsets[first] + AT_ONCE, "right"))
        stop = min(max(after, first + 2), len(offsets))
        sums = np.cumsum(is_unknown.take(ids[offsets[first] : offsets[stop - 1]], mode="clip"), dtype=np.int64)
        known = np.concatenate([np.zeros(1, np.int64), sums])
        before[first:stop] = total + known[offsets[first:stop] - offsets[first]]
        total, first = int(before[stop - 1]), stop - 1
    totals = np.diff(offsets).astype(np.float64)
    totals[totals == 0] = np.nan
    return np.diff(before) / totals
