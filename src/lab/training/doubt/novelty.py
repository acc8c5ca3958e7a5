"""Rows that are unlike those of training: measures of a row, and limits that few validation rows exceed.

Measures of a text, and of a question with its context: the share of its tokens that are rare or new, tokens per
character (a foreign language is split into more pieces), few or many characters. Of a window of series: the share of
its values outside the range of the training values. Of texts and windows: the energy of the logits, -log sum exp (Liu
et al. 2020, arXiv 2010.03759). Of a question: -log probability of its best answer. Larger is always more unlike. Pure.
Shapes: N rows, V token ids, C channels.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from lab.core.reference.content import unknown_shares
from lab.models.calibration import MOST_CELLS

Floats = npt.NDArray[np.float64]
Bits = npt.NDArray[np.bool_]
Tokens = Sequence[int] | npt.NDArray[np.integer]
SHARE = 0.01
"""Largest share of validation rows that are flagged."""
COMMON_SHARE = 0.99
"""The most frequent tokens that make up this share of the training texts are common; all others are rare."""
RARE, SPLIT, SHORT, LONG, ENERGY, OUTSIDE = "rare_tokens", "tokens_per_character", "short", "long", "energy", "outside"
UNCLEAR = "unclear_answer"
REASONS: Mapping[str, str] = {
    RARE: "{:.0%} of its tokens are new or rare in the training texts (limit {:.0%})",
    SPLIT: "it has {:.2f} tokens per character (limit {:.2f})",
    SHORT: "it is short: {:.0f} characters (limit {:.0f})",
    LONG: "it is long: {:,.0f} characters (limit {:,.0f})",
    ENERGY: "the model does not know such rows: energy {:.3g} (limit {:.3g})",
    UNCLEAR: "no part of its context is a clear answer: -log probability {:.3g} (limit {:.3g})",
    OUTSIDE: "{:.0%} of its values are outside the range of the training values (limit {:.0%})",
}
"""By measure, how a value and its limit are said."""


@dataclass(frozen=True)
class Novelty:
    """limits: by measure, the largest value of a row that is like training; common: (V,) tokens that are not rare, None
    without tokens; ranges: by channel the least and largest training value."""

    limits: dict[str, float]
    common: Bits | None = None
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)

    def reasons(self, measures: Mapping[str, Floats]) -> list[str]:
        """Return why each row (N,) is unlike training; empty text for a row that is like it."""
        num = len(next(iter(measures.values()), ()))
        texts: list[list[str]] = [[] for _ in range(num)]
        for name, limit in self.limits.items():
            if name not in measures:
                continue  # a measure of another task, in a file of another person
            values = _known(name, measures[name])
            sign = -1 if name == SHORT else 1
            for place in np.flatnonzero(values > limit).tolist():
                texts[place].append(REASONS[name].format(sign * values[place], sign * limit))
        return ["; ".join(each) for each in texts]

    def fields(self) -> dict[str, Any]:
        """Return the part `novelty` of calibration.json."""
        packed = None if self.common is None else base64.b64encode(np.packbits(self.common).tobytes()).decode("ascii")
        ranges = {name: list(pair) for name, pair in self.ranges.items()}
        return {"share": SHARE, "limits": self.limits, "common_tokens": packed, "ranges": ranges}

    @classmethod
    def from_fields(cls, content: Mapping[str, Any]) -> "Novelty":
        """Return what `fields` wrote. content: checked by `lab.core.record.calibration_fields`."""
        packed = content["common_tokens"]
        bits = None if packed is None else np.unpackbits(np.frombuffer(base64.b64decode(packed), np.uint8)).astype(bool)
        ranges = {name: (float(low), float(high)) for name, (low, high) in content["ranges"].items()}
        return cls(dict(content["limits"]), bits, ranges)


def fit_limits(measures: Mapping[str, Floats], share: float = SHARE) -> dict[str, float]:
    """Return limits that at most `share` of the rows (N,) exceed in any measure, in about the same number in each.

    The limits lie at the same quantile of every measure: the lowest at which so few rows exceed one of them. Of fewer
    than 1 / share rows none exceeds a limit.
    """
    values = {name: _known(name, each) for name, each in measures.items()}
    tails = {name: _tail_shares(each) for name, each in values.items()}
    least = np.sort(np.min(list(tails.values()), axis=0))
    num = int(share * len(least) + 1e-9)
    level = -1.0 if not num else float(least[num - 1])
    if num < len(least) and least[num] == level:  # rows of equal rank are flagged together or not at all
        level = float(np.nextafter(level, -1.0))
    limits = {name: _largest(each, tails[name] > level) for name, each in values.items()}
    return {name: limit for name, limit in limits.items() if np.isfinite(limit)}


def _known(name: str, values: Floats) -> Floats:
    """The values (N,) of a measure without NaN: an unknown energy or answer is unlike any; a text without tokens has
    none that is common."""
    return np.where(np.isnan(values), np.inf if name in (ENERGY, UNCLEAR) else 1.0, values)


def _tail_shares(values: Floats) -> Floats:
    """(N,) share of rows whose value is at least that of each row."""
    return 1 - np.searchsorted(np.sort(values), values, side="left") / len(values)


def _largest(values: Floats, like: Bits) -> float:
    return float(values[like].max()) if like.any() else float("inf")


def energies(logits: Sequence[npt.NDArray[np.floating[Any]]]) -> Floats:
    """(N,) mean over heads of the energy of their logits (N, K); high where no class fits."""
    mean: Floats = -np.mean([_log_sums(each) for each in logits], axis=0)
    return mean


def _log_sums(logits: npt.NDArray[np.floating[Any]]) -> Floats:
    """(N,) logarithm of the summed exponentials of logits (N, K), of some rows at a time."""
    step = max(1, MOST_CELLS // logits.shape[1])
    parts = [logits[start : start + step].astype(np.float64) for start in range(0, len(logits), step)]
    return np.concatenate([logsumexp(part, axis=1) for part in parts]) if parts else np.empty(0)


def common_tokens(ids: npt.NDArray[np.integer], size: int, never: Sequence[int] = ()) -> Bits:
    """(size,) which token ids are common among ids (N,). never: ids that stand for what a tokenizer does not know.

    >>> common_tokens(np.array([0, 0, 0, 1]), 3).tolist()
    [True, False, False]
    """
    counts = np.zeros(size, np.int64)
    for start in range(0, len(ids), 1 << 22):
        counts += np.bincount(ids[start : start + (1 << 22)], minlength=size)
    return common_of(counts, never)


def common_of(counts: npt.NDArray[np.int64], never: Sequence[int] = ()) -> Bits:
    """As `common_tokens`, from how often each id occurs (size,)."""
    order = np.argsort(-counts, kind="stable")
    before = np.concatenate([[0], np.cumsum(counts[order])[:-1]])
    common = np.zeros(len(counts), np.bool_)
    common[order] = (before < COMMON_SHARE * counts.sum()) & (counts[order] > 0)
    common[list(never)] = False
    return common


def text_measures(
    characters: npt.NDArray[np.integer],
    ids: Sequence[Sequence[int] | npt.NDArray[np.integer]],
    common: Bits,
    energy: Floats,
) -> dict[str, Floats]:
    """The measures of texts. characters: (N,) of each text; ids: its tokens, cut as for the model; energy: (N,)."""
    lengths = np.array([len(each) for each in ids], np.int64)
    flat = np.concatenate([np.asarray(each, np.int64) for each in ids]) if len(ids) else np.zeros(0, np.int64)
    rare = unknown_shares(flat, np.repeat(np.arange(len(ids)), lengths), len(ids), common)
    return measures_of_texts(characters, lengths, rare, energy)


def measures_of_texts(
    characters: npt.NDArray[np.integer], lengths: npt.NDArray[np.integer], rare: Floats, energy: Floats
) -> dict[str, Floats]:
    """`text_measures` of texts with so many characters and tokens, and a share of rare ones, each (N,)."""
    sizes = characters.astype(np.float64)
    return {RARE: rare, SPLIT: lengths / np.maximum(sizes, 1), SHORT: -sizes, LONG: sizes, ENERGY: energy}


def question_measures(
    characters: npt.NDArray[np.integer],
    ids: Sequence[Sequence[int] | npt.NDArray[np.integer]],
    common: Bits,
    scores: Floats,
) -> dict[str, Floats]:
    """The measures of questions with contexts, as `text_measures`. characters: (N,) of both; scores: (N,) sum of the
    log-probabilities of the first and the last token of the best answer, -inf without any."""
    measures = text_measures(characters, ids, common, -scores)
    return {UNCLEAR if name == ENERGY else name: values for name, values in measures.items()}


def window_measures(
    values: npt.NDArray[np.floating[Any]], observed: Bits, ranges: Sequence[tuple[float, float]], energy: Floats
) -> dict[str, Floats]:
    """The measures of windows (N, T, C). ranges: of the first channels; the others are not measured. energy: (N,)."""
    low, high = (np.array(each) for each in zip(*ranges, strict=True))
    seen, given = values[..., : len(low)], observed[..., : len(low)]
    outside = (((seen < low) | (seen > high)) & given).sum((1, 2)) / np.maximum(given.sum((1, 2)), 1)
    return {OUTSIDE: outside, ENERGY: energy}
