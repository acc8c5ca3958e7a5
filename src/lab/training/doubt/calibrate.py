"""Temperatures of a run's heads: fitted on validation rows, measured on validation and test rows.

Scores on the validation rows after the fit are of the rows of the fit; those on the test rows are not. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from lab.core.record.calibration_fields import offsets_of
from lab.core.record.run_folder import RunFolder
from lab.models.calibration import ClassRows, NotFitted, Reliability, ScoredRows, fit_temperature, reliability
from lab.training.doubt.coverage import coverage_curve
from lab.training.doubt.decide import Deciding, fit_decision

TRAINED_ON_VAL = (
    "the validation rows were trained on (data.split.train_on_val=true), so they cannot show how sure to be"
)
Splits = Mapping[str, Mapping[str, ScoredRows]]
"""Per split and head, the scored rows."""


@dataclass(frozen=True)
class Calibration:
    """The content of calibration.json, as `lab.core.record.calibration_fields` describes it."""

    temperatures: dict[str, float] = field(default_factory=dict)
    not_fitted: dict[str, str] = field(default_factory=dict)
    scores: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    reliability: dict[str, dict[str, dict[str, list[list[float]]]]] = field(default_factory=dict)

    novelty: dict[str, Any] | None = None
    coverage: dict[str, dict[str, list[list[float]]]] = field(default_factory=dict)
    decisions: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def offsets(self) -> dict[str, list[float]]:
        """Per head whose class is not always the most probable one, what is added to its log-probabilities (K,)."""
        return offsets_of(vars(self))

    def decided(self, heads: Mapping[str, ScoredRows]) -> dict[str, ScoredRows]:
        """Return the rows with the offsets of their heads."""
        offsets = self.offsets
        return {
            name: replace(rows, offsets=np.array(offsets[name]))
            if isinstance(rows, ClassRows) and name in offsets
            else rows
            for name, rows in heads.items()
        }

    def write(self, run: RunFolder) -> None:
        """Write calibration.json; nothing for a task without heads that have probabilities."""
        if self.temperatures or self.not_fitted:
            run.write_calibration(vars(self))


def fitted(splits: Splits, deciding: Deciding | None = None) -> Calibration:
    """Fit a temperature to the `val` rows of each head, and a decision rule if so requested, and score all splits
    before and after the temperature."""
    done = Calibration()
    for head, rows in splits["val"].items():
        try:
            done.temperatures[head] = fit_temperature(rows)
        except NotFitted as error:
            done.not_fitted[head] = str(error)
            continue
        if deciding is not None and isinstance(rows, ClassRows):
            counts, metric, blocks = deciding.counts[head], deciding.metric, deciding.blocks
            rule = fit_decision(rows, done.temperatures[head], counts, metric, blocks)
            done.decisions.update({} if rule is None else {head: rule.fields()})
    for split, heads in splits.items():
        decided = done.decided(heads)
        for head, temperature in done.temperatures.items():
            if (scores := _measured(heads[head], temperature)) is not None:
                done.scores.setdefault(split, {})[head], bins = scores
                done.reliability.setdefault(split, {})[head] = bins
                done.coverage.setdefault(split, {})[head] = _curve(decided[head], temperature)
    return done


def _measured(rows: ScoredRows, temperature: float) -> tuple[dict[str, float], dict[str, list[list[float]]]] | None:
    """The scores and the bins of rows before and after a temperature; None if no truth is known."""
    known = rows.every(1)
    if not len(known.scores):
        return None
    scores: dict[str, float] = {"rows": len(known.scores), "temperature": temperature}
    bins = {}
    for name, each in (("before", 1.0), ("after", temperature)):
        found = reliability(*known.best(each))
        scores |= {f"ece_{name}": found.ece, f"brier_{name}": known.brier(each)}
        bins[name] = _lists(found)
    return scores, bins


def _curve(rows: ScoredRows, temperature: float) -> list[list[float]]:
    return [list(point) for point in coverage_curve(*rows.every(1).best(temperature))]


def _lists(bins: Reliability) -> list[list[float]]:
    rows = zip(bins.rows.tolist(), bins.confidence.tolist(), bins.accuracy.tolist(), strict=True)
    return [list(row) for row in rows]


def outcome_lines(done: Calibration) -> list[str]:
    """Return a line per head on its temperature and the calibration error on the test rows, or why there is none.

    >>> scores = {"test": {"cause": {"ece_before": 0.2, "ece_after": 0.03}}}
    >>> outcome_lines(Calibration({"cause": 1.5}, {}, scores))
    ['cause: temperature 1.50; calibration error on test .200 -> .030']
    """
    lines = []
    for head, temperature in done.temperatures.items():
        scores: Mapping[str, Any] = done.scores.get("test", {}).get(head, {})
        change = " -> ".join(f"{scores[f'ece_{name}']:.3f}".lstrip("0") for name in ("before", "after") if scores)
        measured = f"; calibration error on test {change}" if scores else ""
        lines.append(f"{head}: temperature {temperature:.2f}{measured}")
    return lines + [f"{head} is not calibrated: {reason}" for head, reason in done.not_fitted.items()]
