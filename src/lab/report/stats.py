"""Statistics of a few repeats: mean, spread, an interval, paired differences, a correction for many comparisons.

Definitions are those of scipy and statsmodels, which the tests compare with. Few runs give Student's t interval, which
assumes normal scores; from `bootstrap_from` runs on, the percentile bootstrap of the mean, which does not.
"""

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from scipy import special

from lab.report.table import Floats, Interval, Stat
from lab.schema.report import Statistics


def described(values: Floats, settings: Statistics) -> list[Stat]:
    """A `Stat` a column, of the values that are numbers. values: (runs, columns)."""
    known = ~np.isnan(values)
    found = [Stat(0, math.nan, math.nan, math.nan, math.nan, None)] * values.shape[1]
    masks: dict[bytes, list[int]] = {}
    for column, mask in enumerate(np.ascontiguousarray(known.T)):
        masks.setdefault(mask.tobytes(), []).append(column)
    for columns in masks.values():
        rows = known[:, columns[0]]
        if rows.any():
            for column, one in zip(columns, _of_whole(values[rows][:, columns], settings), strict=True):
                found[column] = one
    return found


def _of_whole(values: Floats, settings: Statistics) -> list[Stat]:
    num, means = len(values), values.mean(axis=0)
    sds = values.std(axis=0, ddof=1) if num > 1 else np.full(len(means), np.nan)
    table = np.stack([means, sds, values.min(axis=0), values.max(axis=0)], axis=1).tolist()
    spread = intervals(values, settings)
    return [Stat(num, mean, sd, low, high, each) for (mean, sd, low, high), each in zip(table, spread, strict=True)]


def intervals(values: Floats, settings: Statistics) -> list[Interval | None]:
    """Of the mean of each column. values: (runs, columns), finite; None below two runs."""
    num = len(values)
    if num < 2:
        return [None] * values.shape[1]
    if num >= settings.bootstrap_from:
        low, high = _bootstrapped(values, settings)
        method = "bootstrap"
    else:
        half = t_quantile(num - 1, settings.confidence) * values.std(axis=0, ddof=1) / math.sqrt(num)
        low, high = values.mean(axis=0) - half, values.mean(axis=0) + half
        method = "t"
    return [Interval(*ends, method) for ends in zip(low.tolist(), high.tolist(), strict=True)]


@cache
def t_quantile(freedom: int, confidence: float) -> float:
    """Of Student's t: what `confidence` of its values are nearer to 0 than."""
    return float(special.stdtrit(freedom, 0.5 + confidence / 2))


def _bootstrapped(values: Floats, settings: Statistics) -> tuple[Floats, Floats]:
    """Percentiles of the means of resamples of the rows, which are the same for all columns."""
    num, generator = len(values), np.random.default_rng(settings.seed)
    rows = max(1, min(settings.resamples, 4_000_000 // num))
    means = []
    for start in range(0, settings.resamples, rows):
        drawn = generator.integers(0, num, (min(rows, settings.resamples - start), num))
        places = drawn + np.arange(len(drawn))[:, None] * num
        counts = np.bincount(places.ravel(), minlength=drawn.size).reshape(drawn.shape)
        means.append(counts @ values / num)
    tail = (1 - settings.confidence) / 2
    low, high = np.quantile(np.concatenate(means), [tail, 1 - tail], axis=0)
    return low, high


def paired(differences: Floats) -> tuple[float, float]:
    """Two-sided p value of the paired t test, and Cohen's d_z (mean over sd of the differences).

    differences: (pairs,) at least two. Differences that are all the same have no spread: p is 1 where they are 0, else
    0, and d_z is 0 or infinite.
    """
    mean, sd = float(differences.mean()), float(differences.std(ddof=1))
    if sd <= 1e-12 * max(1.0, abs(mean)):
        same = abs(mean) <= 1e-12
        return (1.0, 0.0) if same else (0.0, math.copysign(math.inf, mean))
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
