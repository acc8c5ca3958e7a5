"""Statistics of a few repeats: mean, spread, an interval, paired differences, a correction for many comparisons.

Definitions are those of scipy and statsmodels, which the tests compare with. Intervals are Student's t, for any number
of runs: for scores that are about normal they hold what they say from two runs on.
"""

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from scipy import special

from lab.report.findings import Floats, Interval, Stat


def described(values: Floats, confidence: float) -> list[Stat]:
    """A `Stat` a column, of the values that are numbers. values: (runs, columns)."""
    known = ~np.isnan(values)
    found = [Stat(0, math.nan, math.nan, math.nan, math.nan, None)] * values.shape[1]
    masks: dict[bytes, list[int]] = {}
    for column, mask in enumerate(np.ascontiguousarray(known.T)):
        masks.setdefault(mask.tobytes(), []).append(column)
    for columns in masks.values():
        rows = known[:, columns[0]]
        if rows.any():
            for column, one in zip(columns, _of_whole(values[rows][:, columns], confidence), strict=True):
                found[column] = one
    return found


def _of_whole(values: Floats, confidence: float) -> list[Stat]:
    num, means = len(values), values.mean(axis=0)
    sds = values.std(axis=0, ddof=1) if num > 1 else np.full(len(means), np.nan)
    table = np.stack([means, sds, values.min(axis=0), values.max(axis=0)], axis=1).tolist()
    spread = intervals(values, confidence)
    return [Stat(num, mean, sd, low, high, each) for (mean, sd, low, high), each in zip(table, spread, strict=True)]


def intervals(values: Floats, confidence: float) -> list[Interval | None]:
    """Of the mean of each column, Student's t. values: (runs, columns), finite; None below two runs."""
    num = len(values)
    if num < 2:
        return [None] * values.shape[1]
    half = t_quantile(num - 1, confidence) * values.std(axis=0, ddof=1) / math.sqrt(num)
    low, high = values.mean(axis=0) - half, values.mean(axis=0) + half
    return [Interval(*ends) for ends in zip(low.tolist(), high.tolist(), strict=True)]


@cache
def t_quantile(freedom: int, confidence: float) -> float:
    """Of Student's t: what `confidence` of its values are nearer to 0 than."""
    return float(special.stdtrit(freedom, 0.5 + confidence / 2))


def paired(differences: Floats) -> tuple[float, float]:
    """Two-sided p value of the paired t test, and Cohen's d_z (mean over sd of the differences).

    differences: (pairs,) at least two. Both are NaN for differences that are all the same: without a spread nothing is
    known of chance.
    """
    mean, sd = float(differences.mean()), float(differences.std(ddof=1))
    if sd <= 1e-12 * max(1.0, abs(mean)):
        return math.nan, math.nan
    effect = mean / sd
    freedom = len(differences) - 1
    return float(2 * special.stdtr(freedom, -abs(effect) * math.sqrt(len(differences)))), effect


def holm(p_values: Sequence[float]) -> list[float]:
    """p values corrected for their number, each at least its own and never above 1 (Holm 1979, step-down)."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    corrected, largest = [1.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = largest
    return corrected
