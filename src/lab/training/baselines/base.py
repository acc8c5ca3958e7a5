"""A baseline: a simple model scored on the rows that a run is scored on, under the metric names of the run.

Shapes: N rows that are scored, K classes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.core.batches import MISSING
from lab.core.record.baseline_comparison import MAJORITY
from lab.core.record.baselines import CALIBRATION
from lab.models.calibration import ClassRows, reliability

SPLITS = ("val", "test")
"""The splits that a baseline is scored on, if the run reads them."""
SHOWN_BY = ("f1_macro", "f1", "accuracy")
"""The validation score that decides which baselines a table has room for: the first that a baseline has."""
Labels = Mapping[str, npt.NDArray[np.int64]]
"""Per head (N,) classes."""
SplitRows = Mapping[str, npt.NDArray[np.int64]]
"""Per split the places of the rows that are scored, ascending."""
SAMPLED = "fitted on"
"""Begins the note of a baseline that was fitted on a part of the training rows."""


@dataclass(frozen=True)
class Baseline:
    """A simple model beside the model of a run.

    scores: per split (`val`, `test`) the metrics, named as those of the run, without the split. predicted: per split
    and head (N,) classes, in the order of the split. grades: of questions, per split `em` and `f1` of each row (N,).
    logits, truth: per split and head (N, K) and the labels (N,), of baselines with probabilities. note: why it has no
    scores, or how it was fitted where that is not as usual.
    """

    name: str
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    predicted: Mapping[str, Labels] = field(default_factory=dict)
    grades: Mapping[str, Mapping[str, npt.NDArray[np.float64]]] = field(default_factory=dict)
    logits: Mapping[str, Mapping[str, npt.NDArray[np.float32]]] = field(default_factory=dict)
    truth: Mapping[str, Labels] = field(default_factory=dict)
    note: str | None = None


def sample_of(baseline: Baseline) -> str | None:
    """Return the part of the note that says on how many of the training rows it was fitted; None if on all."""
    parts = (baseline.note or "").split("; ")
    return next((part for part in parts if part.startswith(SAMPLED)), None)


def recorded(baselines: Iterable[Baseline]) -> dict[str, dict[str, Any]]:
    """The field `baselines` of run.json: by name `val`, `test`, `calibration` where there are probabilities, and `note`
    if there is one."""
    return {
        each.name: {split: dict(scores) for split, scores in each.scores.items()}
        | ({CALIBRATION: found} if (found := _calibration(each)) else {})
        | ({} if each.note is None else {"note": each.note})
        for each in baselines
    }


def _calibration(baseline: Baseline) -> dict[str, dict[str, dict[str, float]]]:
    """Per split and head the rows with a label, calibration error and Brier score of the probabilities of its logits,
    which are calibrated already."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for split, logits in baseline.logits.items():
        for head, scores in logits.items():
            rows = ClassRows(scores, baseline.truth.get(split, {}).get(head, np.full(len(scores), MISSING))).every(1)
            if len(rows.labels) and np.isfinite(rows.scores).all():
                error = reliability(*rows.best(1.0)).ece
                kept = {"rows": len(rows.labels), "ece": error, "brier": rows.brier(1.0)}
                found.setdefault(split, {})[head] = kept
    return found


def best_first(baselines: Iterable[Baseline]) -> list[Baseline]:
    """The baselines with test scores: those with the best macro-F1 (F1 of answers) on validation first, then those
    without validation scores, and the majority last, which most others contain."""

    def rank(baseline: Baseline) -> tuple[bool, float]:
        val = baseline.scores.get("val", {})
        score = next((val[name] for name in SHOWN_BY if name in val and val[name] == val[name]), -np.inf)
        return baseline.name == MAJORITY, -score

    return sorted((each for each in baselines if "test" in each.scores), key=rank)


def notes(baselines: Iterable[Baseline]) -> list[str]:
    """What a reader has to know of baselines: those that could not be fitted, and those fitted on a sample."""
    return [f"{each.name.replace('_', ' ')}: {each.note}" for each in baselines if each.note is not None]


def from_record(recorded_baselines: Mapping[str, Mapping[str, Any]], notes: Mapping[str, str]) -> tuple[Baseline, ...]:
    """The baselines of a record, without their predictions. recorded_baselines: per name, scores by split."""
    names = dict.fromkeys([*recorded_baselines, *notes])
    return tuple(
        Baseline(
            name,
            {
                split: {metric: np.nan if value is None else value for metric, value in scores.items()}
                for split, scores in recorded_baselines.get(name, {}).items()
            },
            note=notes.get(name),
        )
        for name in names
    )
