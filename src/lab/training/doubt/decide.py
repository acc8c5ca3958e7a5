"""The decision rule of a head: which class follows from its calibrated probabilities.

The most probable class is the best guess for accuracy. Macro-F1 and MCC count a hit of a rare class for more, and a
calibrated model of a class that makes up 4 % of the rows names it almost never. The rule takes the class with the
largest p / share^tau, where share is the class's part of the training rows (post-hoc logit adjustment, Menon et al.
2021, arXiv 2007.07314); of two classes it is a threshold. tau is one number a head, the best of a grid on validation
rows, and 0, the most probable class, unless the gain is more than a standard error: each fifth of the rows is decided
by the tau that is best on the other four, and the middle 68 % of the paired bootstrap of these decisions against the
most probable classes have to lie above 0. Fifths are blocks, because neighbouring windows of a series are alike. Pure.
Shapes: N rows, K classes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from lab.config.schema import Config
from lab.core.batches import HeadSpec
from lab.models.calibration import MOST_ROWS, ClassRows, Floats, Ints, ScoredRows
from lab.models.metrics import class_counts, scores
from lab.training.baselines.label_rules import score_labels
from lab.training.baselines.paired_bootstrap import HeadRows, compare_heads

METRICS = ("f1_macro", "mcc")
"""Scores of an objective that a rule is fitted for; for accuracy the most probable class is the best."""
TAUS = tuple(round(0.1 * step, 1) for step in range(11))
FOLDS = 5
FEWEST = 100
"""Validation rows with a label below which the most probable class stays."""
STANDARD_ERROR = 0.6827
"""Confidence of an interval of one standard error to both sides."""
RESAMPLES = 1000
MOST_CELLS = 200_000_000
"""Scores of the rows that a fit uses, evenly spaced; 20,000 rows of 10,000 classes."""


@dataclass(frozen=True)
class Deciding:
    """What rules are fitted for. metric: of `METRICS`; counts: per head, the training rows of each class (K,); blocks:
    (N,) blocks of time of the validation rows, None where rows are independent."""

    metric: str
    counts: Mapping[str, Sequence[int]]
    blocks: Ints | None = None


@dataclass(frozen=True)
class Decision:
    """The rule of a head. argmax, cross_fitted: scores of the validation rows by the most probable class, and by rules
    of other rows; interval: of the difference; offsets: (K,) added to log-probabilities, None for tau 0; reason: why
    the most probable class stays, None where it does not."""

    tau: float
    metric: str
    rows: int
    argmax: float
    cross_fitted: float
    interval: tuple[float, float]
    offsets: tuple[float, ...] | None = None
    reason: str | None = None

    def fields(self) -> dict[str, Any]:
        """Return the rule as calibration.json has it."""
        offsets = None if self.offsets is None else list(self.offsets)
        return {**vars(self), "interval": list(self.interval), "offsets": offsets}


def deciding(config: Config, heads: Sequence[HeadSpec], blocks: Ints | None = None) -> Deciding | None:
    """Return what rules are fitted for; None where classes are the most probable ones, or there are none.

    blocks: as in `Deciding`.
    """
    metric = config.objective.metric.rpartition("/")[2]
    if config.evaluation.decision == "argmax" or metric not in METRICS or not heads:
        return None
    return Deciding(metric, {head.name: head.counts for head in heads}, blocks)


def prior_offsets(counts: Sequence[int], tau: float) -> Floats:
    """(K,) -tau log(share) of classes with so many training rows; a class without any counts as one row."""
    shares = np.maximum(np.asarray(counts, np.float64), 1)
    offsets: Floats = -tau * np.log(shares / shares.sum())
    return offsets


def fit_decision(
    rows: ClassRows, temperature: float, counts: Sequence[int], metric: str, blocks: Ints | None = None
) -> Decision | None:
    """Return the rule of a head whose validation rows these are; None without a label. blocks: as in `Deciding`."""
    num, num_classes = int(rows.known.sum()), rows.scores.shape[1]
    if not num:
        return None
    step = math.ceil(num / max(1, min(MOST_ROWS, MOST_CELLS // num_classes)))
    known = rows.every(step)
    kept = None if blocks is None else blocks[np.flatnonzero(rows.known)[::step]]
    guesses = [replace(known, offsets=prior_offsets(counts, tau)).chosen(temperature) for tau in TAUS]
    folds = np.arange(len(known.labels)) * FOLDS // len(known.labels)
    tables = [[_counted(each, known.labels, folds == fold, num_classes) for fold in range(FOLDS)] for each in guesses]
    crossed = np.empty_like(known.labels)
    for fold in range(FOLDS):
        best = _best([sum(each) - each[fold] for each in tables], metric)
        crossed[folds == fold] = guesses[best][folds == fold]
    pair = [HeadRows(known.labels, crossed, guesses[0])]
    found = compare_heads(pair, metric, resamples=RESAMPLES, confidence=STANDARD_ERROR, blocks=kept)
    tau = TAUS[_best([sum(each) for each in tables], metric)]
    reason = _why_not(num, found.interval, tau)
    scores_of_val = (metric, found.rows, found.other, found.own, found.interval)
    if reason is not None:
        return Decision(0.0, *scores_of_val, reason=reason)
    return Decision(tau, *scores_of_val, offsets=tuple(prior_offsets(counts, tau).tolist()))


def _why_not(num_rows: int, interval: tuple[float, float], tau: float) -> str | None:
    """Return why the most probable class stays; None where the rule pays."""
    if num_rows < FEWEST:
        return f"fewer than {FEWEST} validation rows have a label: {num_rows}"
    if interval[0] <= 0:
        return "on validation rows that a rule was not fitted to, its gain is not above one standard error"
    return None if tau else "on all validation rows the most probable class is the best rule"


def _counted(guess: Ints, labels: Ints, kept: Any, num_classes: int) -> torch.Tensor:
    return class_counts(torch.from_numpy(guess[kept]), torch.from_numpy(labels[kept]), num_classes)


def _best(tables: Sequence[Any], metric: str) -> int:
    """The place of the counts (3, K) with the best score, the first of equals."""
    return int(np.argmax([scores(each)[metric] for each in tables]))


def decision_field(
    decisions: Mapping[str, Mapping[str, Any]],
    temperatures: Mapping[str, float],
    splits: Mapping[str, Mapping[str, ScoredRows]],
    heads: Sequence[HeadSpec],
) -> dict[str, Any] | None:
    """Return the field `decision` of the record; None where no rule was fitted.

    decisions: per head, as calibration.json has them; splits: rows with the offsets of their heads.
    """
    own = {head: {name: value for name, value in each.items() if name != "offsets"} for head, each in decisions.items()}
    if not any(each["tau"] for each in own.values()):
        return {"heads": own} if own else None
    return {"heads": own, "scores": {split: _both(rows, temperatures, heads) for split, rows in splits.items()}}


def _both(
    scored: Mapping[str, ScoredRows], temperatures: Mapping[str, float], heads: Sequence[HeadSpec]
) -> dict[str, dict[str, float]]:
    """Scores of the most probable classes and of the chosen ones, over the heads that have a label."""
    rows = {name: each for name, each in scored.items() if isinstance(each, ClassRows) and each.known.any()}
    kept = tuple(head for head in heads if head.name in rows)
    truth = {name: each.labels for name, each in rows.items()}
    guesses = {
        "argmax": {name: each.scores.argmax(1) for name, each in rows.items()},
        "chosen": {name: each.chosen(temperatures.get(name, 1.0)) for name, each in rows.items()},
    }
    return {name: score_labels(guess, truth, kept) for name, guess in guesses.items()} if kept else {}


def decision_lines(field: Mapping[str, Any] | None) -> list[str]:
    """Return a line for each head of `decision` of the record whose class is not always the most probable one.

    >>> decision_lines({"heads": {"rain": {"tau": 0.6, "metric": "mcc", "argmax": 0.2, "cross_fitted": 0.3}}})
    ['rain: classes are chosen by probability / share^0.6, which gives mcc .300 instead of .200 on validation rows']
    """
    heads = {} if field is None else field["heads"]
    return [
        f"{head}: classes are chosen by probability / share^{each['tau']:g}, which gives {each['metric']} "
        f"{_short(each['cross_fitted'])} instead of {_short(each['argmax'])} on validation rows"
        + _on_test(field, head, each["metric"])
        for head, each in heads.items()
        if each["tau"]
    ]


def _on_test(field: Mapping[str, Any] | None, head: str, metric: str) -> str:
    """Both scores of the test rows of a head; empty where the record does not have them."""
    scores = ((field or {}).get("scores") or {}).get("test")
    if not scores:
        return ""
    chosen, argmax = (scores[kind].get(f"{head}/{metric}", scores[kind].get(metric)) for kind in ("chosen", "argmax"))
    return f"; on test rows {_short(chosen)} instead of {_short(argmax)}"


def _short(score: float) -> str:
    return f"{score:.3f}".replace("0.", ".", 1)
