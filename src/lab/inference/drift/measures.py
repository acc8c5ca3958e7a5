"""Measures of the shift between two distributions, each with a test. Pure functions of counts.

Shapes: K classes or bins; p, q (K,) shares before and after; n, m numbers of rows before and after.
"""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2, chi2_contingency, kstwo

from lab.core.reference.histogram import Histogram

Counts = npt.NDArray[np.int64]
Level = Literal["none", "moderate", "large"]
MODERATE, LARGE = 0.1, 0.25
"""The usual bands of the population stability index (Siddiqi, Credit Risk Scorecards, 2006)."""
SIGNIFICANT = 0.05
PSI_BINS = 10


class Measure(NamedTuple):
    """A measure and the p value of its test: the probability of at least this value without a shift."""

    name: str
    value: float
    p: float


def of_numbers(before: Histogram, after: Histogram) -> list[Measure]:
    """Return the measures of a subject whose values are numbers; both histograms have the same edges and values.

    The index is taken over the tenths of `before`. The Kolmogorov-Smirnov distance is the largest difference of the two
    cumulative shares at the edges, at most the distance over all values; its p value is that of the two-sample test.
    """
    merged = _tenths(before.counts)
    first, second = (np.bincount(merged, weights=each.counts).astype(np.int64) for each in (before, after))
    distance = float(np.abs(_cumulative(before.counts) - _cumulative(after.counts)).max())
    effective = before.num * after.num / (before.num + after.num)
    p = float(kstwo.sf(distance, max(1, round(effective))))
    return [stability_index(first, second), Measure("kolmogorov_smirnov", distance, p)]


def of_classes(before: Counts, after: Counts) -> list[Measure]:
    """Return the measures of a subject whose values are classes. before, after: (K,) rows per class.

    total_variation: sum |p - q| / 2, with Pearson's chi-squared test of homogeneity. jensen_shannon: the square root of
    the Jensen-Shannon divergence with base 2 (Lin, 1991), with the likelihood-ratio test (G test) of homogeneity.
    """
    kept = (before + after) > 0
    table = np.stack([before[kept], after[kept]])
    p, q = table[0] / table[0].sum(), table[1] / table[1].sum()
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(each > 0, each * np.log2(each / middle), 0.0).sum() / 2 for each in (p, q)]
    pearson, ratio = (
        float(chi2_contingency(table, correction=False, lambda_=kind).pvalue) if table.shape[1] > 1 else 1.0
        for kind in ("pearson", "log-likelihood")
    )
    return [
        stability_index(before, after),
        Measure("total_variation", float(np.abs(p - q).sum() / 2), pearson),
        Measure("jensen_shannon", math.sqrt(max(0.0, float(sum(parts)))), ratio),
    ]


def stability_index(before: Counts, after: Counts) -> Measure:
    """Return the population stability index, sum (q - p) ln(q / p), over the bins that are not empty in both.

    Half a row is added to each bin, since an empty bin would make the index infinite. Without a shift, the index
    divided by 1/n + 1/m is distributed as chi-squared with K - 1 degrees of freedom (Yurdakul, 2018).

    >>> round(stability_index(np.array([500, 500]), np.array([700, 300])).value, 2)
    0.17
    """
    kept = (before + after) > 0
    first, second = before[kept] + 0.5, after[kept] + 0.5
    p, q = first / first.sum(), second / second.sum()
    value = float(((q - p) * np.log(q / p)).sum())
    if len(p) < 2:
        return Measure("population_stability_index", value, 1.0)
    scale = 1 / before.sum() + 1 / after.sum()
    return Measure("population_stability_index", value, float(chi2.sf(value / scale, len(p) - 1)))


def level(index: float, p: float) -> Level:
    """Return the band of a stability index; `none` where its test (p) does not show a shift.

    >>> level(0.3, 0.001), level(0.3, 0.4), level(0.12, 0.001)
    ('large', 'none', 'moderate')
    """
    if p >= SIGNIFICANT or index < MODERATE:
        return "none"
    return "large" if index >= LARGE else "moderate"


def holm(values: Sequence[float]) -> list[float]:
    """Return p values corrected for their number by Holm's method (1979).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(values)), key=values.__getitem__)
    corrected, highest = [0.0] * len(values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, values[place] * (len(values) - rank)))
        corrected[place] = highest
    return corrected


def _tenths(counts: Counts) -> npt.NDArray[np.int64]:
    """(K,) for each bin the tenth of the rows that its middle row lies in."""
    ends = np.cumsum(counts)
    middles = (ends - counts / 2) / max(1, int(ends[-1]))
    return np.minimum((middles * PSI_BINS).astype(np.int64), PSI_BINS - 1)


def _cumulative(counts: Counts) -> npt.NDArray[np.float64]:
    shares: npt.NDArray[np.float64] = np.cumsum(counts) / max(1, int(counts.sum()))
    return shares
