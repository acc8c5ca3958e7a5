"""Statistics of a few repeats: mean, spread, interval, paired differences, correction for several comparisons.

Definitions are those of scipy and statsmodels, which the tests compare with. Intervals are Student's t for any number
of runs: for approximately normal scores they have the stated coverage from two runs on.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy import special

from lab.core.student_t import score_range, t_quantile
from lab.report.findings import Floats, Interval, Stat


def clipped(interval: Interval | None, name: str) -> Interval | None:
    """Return the part of an interval that a metric can take."""
    if interval is None:
        return None
    low, high = score_range(name)
    return Interval(min(max(interval.low, low), high), min(max(interval.high, low), high))


def column_stats(values: Floats, confidence: float) -> list[Stat]:
    """Return one `Stat` per column of values (runs, columns); NaN cells are left out."""
    known = ~np.isnan(values)
    stats = [Stat(0, math.nan, math.nan, math.nan, math.nan, None)] * values.shape[1]
    columns_by_mask: dict[bytes, list[int]] = {}
    for column, mask in enumerate(np.ascontiguousarray(known.T)):
        columns_by_mask.setdefault(mask.tobytes(), []).append(column)
    for columns in columns_by_mask.values():
        rows = known[:, columns[0]]
        if rows.any():
            for column, stat in zip(columns, _finite_stats(values[rows][:, columns], confidence), strict=True):
                stats[column] = stat
    return stats


def _finite_stats(values: Floats, confidence: float) -> list[Stat]:
    num, means = len(values), values.mean(axis=0)
    sds = values.std(axis=0, ddof=1) if num > 1 else np.full(len(means), np.nan)
    table = np.stack([means, sds, values.min(axis=0), values.max(axis=0)], axis=1).tolist()
    spread = intervals(values, confidence)
    return [Stat(num, mean, sd, low, high, each) for (mean, sd, low, high), each in zip(table, spread, strict=True)]


def intervals(values: Floats, confidence: float) -> list[Interval | None]:
    """Return the Student-t interval of the mean of each column of values (runs, columns), finite.

    None for fewer than two runs.
    """
    num = len(values)
    if num < 2:
        return [None] * values.shape[1]
    half = t_quantile(num - 1, confidence) * values.std(axis=0, ddof=1) / math.sqrt(num)
    low, high = values.mean(axis=0) - half, values.mean(axis=0) + half
    return [Interval(*ends) for ends in zip(low.tolist(), high.tolist(), strict=True)]


def paired_t_test(differences: Floats) -> tuple[float, float]:
    """Return the two-sided p value of the paired t test, and Cohen's d_z (mean over sd of the differences).

    differences: (pairs,) at least two. Both are NaN if all differences are equal: without a spread the test says
    nothing.
    """
    mean, sd = float(differences.mean()), float(differences.std(ddof=1))
    if sd <= 1e-12 * max(1.0, abs(mean)):
        return math.nan, math.nan
    effect = mean / sd
    degrees_of_freedom = len(differences) - 1
    return float(2 * special.stdtr(degrees_of_freedom, -abs(effect) * math.sqrt(len(differences)))), effect


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values corrected for their number, each at least its own and at most 1 (Holm 1979, step-down)."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    corrected, largest = [1.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = largest
    return corrected
