"""A run against its best baseline: per head and over all heads, by the paired bootstrap on the test rows.

The best baseline is chosen on validation, as the run's checkpoint is; where none but the majority has a validation
score (a run that validates by leave-one-out holds no row out), on test, and the record says so: that favours the
baseline. Whatever the score, accuracy is compared as well, with the same baseline. Shapes: N test rows, K classes.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.config.schema import BaselinesConfig, Config
from lab.core.record.baseline_comparison import ABOVE, ACCURACY, BELOW, MAJORITY, METRIC_WORDS, NO_BETTER
from lab.models.calibration import ClassRows
from lab.training.baselines.base import SPLITS, Baseline, sample_of
from lab.training.baselines.paired_bootstrap import METRICS, Difference, HeadRows, compare_heads, compare_means
from lab.training.evaluation.base import EvaluationResult

log = logging.getLogger(__name__)
GRADES = ("f1", "em")
"""Grades of answers, the one that a run is judged by first."""
DEFAULT = "f1_macro"
"""What is compared where the objective is a loss or another score than those of the bootstrap."""


def baseline_comparison(
    config: Config,
    result: EvaluationResult,
    baselines: Sequence[Baseline],
    blocks: npt.NDArray[np.int64] | None = None,
) -> dict[str, Any] | None:
    """The field `baseline_comparison` of the record; None without a baseline or without labelled test rows.

    blocks: (N,) blocks of time of the test rows, which are drawn as wholes; None where rows are independent.
    A baseline of the run's own kind is left out: a linear model is not compared with itself.
    """
    others = [each for each in baselines if each.name != config.model.kind]
    rows = {name: each for name, each in result.scored_rows.items() if isinstance(each, ClassRows)}
    if rows:
        return _of_classes(config, rows, others, blocks)
    own = {name: result.predictions[name] for name in GRADES if name in result.predictions}
    return _of_answers(config, own, others) if len(own) == len(GRADES) else None


def compared_metric(objective: str) -> str:
    """The score that is compared: that of the objective if the bootstrap has it, else macro-F1.

    >>> compared_metric("val/causa/mcc"), compared_metric("val/loss")
    ('mcc', 'f1_macro')
    """
    metric = objective.rpartition("/")[2]
    return metric if metric in METRICS else DEFAULT


def _of_classes(
    config: Config, rows: Mapping[str, ClassRows], baselines: Sequence[Baseline], blocks: npt.NDArray[np.int64] | None
) -> dict[str, Any] | None:
    metric = compared_metric(config.objective.metric)
    if metric == "auc" and any(each.scores.shape[1] != 2 for each in rows.values()):
        metric = DEFAULT
    heads = {}
    for head in rows:
        name = f"{head}/{metric}" if len(rows) > 1 else metric
        part = _part(config.baselines, [head], rows, baselines, metric, name, blocks)
        if part is not None:
            heads[head] = part
    whole = _part(config.baselines, list(rows), rows, baselines, metric, metric, blocks) if len(rows) > 1 else None
    return _field(config.baselines, whole or next(iter(heads.values()), None), heads)


def _has_rows(baseline: Baseline, heads: Sequence[str], rows: Mapping[str, ClassRows]) -> bool:
    """Whether the baseline has a class for each test row of these heads."""
    predicted = baseline.predicted.get("test", {})
    return all(len(predicted.get(head, ())) == len(rows[head].labels) for head in heads)


def _part(
    settings: BaselinesConfig,
    heads: Sequence[str],
    rows: Mapping[str, ClassRows],
    baselines: Sequence[Baseline],
    metric: str,
    name: str,
    blocks: npt.NDArray[np.int64] | None,
) -> dict[str, Any] | None:
    """One comparison over some heads; None without a baseline that has the score, or without the score on test.

    name: of the score in `Baseline.scores`.
    """
    best, chosen_on = _best([each for each in baselines if _has_rows(each, heads, rows)], name)
    if best is None:
        return None

    def compared(score: str) -> Difference:
        pairs = [HeadRows(rows[head].labels, *_both(rows[head], best, head, score)) for head in heads]
        return compare_heads(pairs, score, resamples=settings.resamples, confidence=settings.confidence, blocks=blocks)

    found = compared(metric)
    known = np.isfinite([found.difference, *found.interval]).all() and _is_enough(found, settings, " and ".join(heads))
    if not known:
        return None
    accuracy = None if metric == ACCURACY else _scores(compared(ACCURACY), settings.margin)
    return _recorded(found, best, chosen_on, metric, settings.margin) | {ACCURACY: accuracy}


def _best(baselines: Sequence[Baseline], name: str) -> tuple[Baseline | None, str]:
    """The baseline with the best score on validation, or on test where none but the majority has one there, and that
    split."""
    for learned in (True, False):
        for split in SPLITS:
            known = [each for each in baselines if not np.isnan(each.scores.get(split, {}).get(name, np.nan))]
            if any(each.name != MAJORITY for each in known) if learned else known:
                return max(known, key=lambda each: each.scores[split][name]), split
    return None, "test"


def _both(rows: ClassRows, baseline: Baseline, head: str, metric: str) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """(N,) classes of run and baseline; for `auc` scores of the second class, or else the baseline's classes."""
    if metric != "auc":
        return rows.chosen(), baseline.predicted["test"][head]
    logits = baseline.logits.get("test", {}).get(head)
    other = baseline.predicted["test"][head] if logits is None else logits[:, 1] - logits[:, 0]
    return rows.scores[:, 1] - rows.scores[:, 0], other.astype(np.float64)


def _of_answers(
    config: Config, own: Mapping[str, npt.NDArray[np.float64]], baselines: Sequence[Baseline]
) -> dict[str, Any] | None:
    """Questions: F1 and exact match of each question, paired."""
    settings, parts = config.baselines, {}
    for grade, values in own.items():
        usable = [each for each in baselines if len(each.grades.get("test", {}).get(grade, ())) == len(values)]
        best, chosen_on = _best(usable, grade)
        if best is not None:
            other = best.grades["test"][grade]
            found = compare_means(
                np.asarray(values, np.float64), other, resamples=settings.resamples, confidence=settings.confidence
            )
            if _is_enough(found, settings, METRIC_WORDS[grade]):
                parts[grade] = _recorded(found, best, chosen_on, grade, settings.margin)
    return _field(settings, parts.get(GRADES[0]), parts)


def _is_enough(found: Difference, settings: BaselinesConfig, what: str) -> bool:
    """Whether there are test rows enough for a verdict; says so where there are not."""
    if found.rows >= settings.min_rows:
        return True
    shown = f"{found.rows} test row{'' if found.rows == 1 else 's'} with a label"
    log.info("%s: %s, too few to compare with a baseline (baselines.min_rows=%d)", what, shown, settings.min_rows)
    return False


def _field(settings: BaselinesConfig, whole: dict[str, Any] | None, heads: dict[str, Any]) -> dict[str, Any] | None:
    return None if whole is None else {"confidence": settings.confidence, "overall": whole, "heads": heads}


def _recorded(found: Difference, baseline: Baseline, chosen_on: str, metric: str, margin: float) -> dict[str, Any]:
    return {
        "baseline": baseline.name,
        "chosen_on": chosen_on,
        "metric": metric,
        **_scores(found, margin),
        "rows": found.rows,
        "resamples": found.resamples,
        "sample": sample_of(baseline),
        "blocks": found.blocks,
        ACCURACY: None,
    }


def _scores(found: Difference, margin: float) -> dict[str, Any]:
    """Both scores, their difference with its interval, and the verdict that follows."""
    low, high = found.interval
    return {
        "own": found.own,
        "other": found.other,
        "difference": found.difference,
        "interval": [low, high],
        "verdict": ABOVE if low > margin else BELOW if high < -margin else NO_BETTER,
    }
