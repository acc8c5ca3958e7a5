"""Counts of numbers between quantiles: what is kept of a column, so that new rows can be compared with it later.

The size does not depend on the number of rows, so rows can be added piece by piece. Shapes: E edges, E + 1 bins.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
MOST_BINS = 100
"""Bins of a histogram, without the two outer ones."""


@dataclass
class Histogram:
    """Numbers counted in bins. Bin i holds the values with edges[i - 1] < value <= edges[i].

    edges: (E,) ascending. counts: (E + 1,) values per bin; the first bin is below all values that the edges were made
    of, and the last one above them. missing: number of values that are missing.
    """

    edges: Floats
    counts: npt.NDArray[np.int64]
    missing: int = 0

    @classmethod
    def of(cls, values: npt.ArrayLike) -> "Histogram":
        """Return the histogram of some values, at least one of them not missing (NaN). Edges are their quantiles.

        >>> made = Histogram.of([1, 2, 2, float("nan"), 9])
        >>> made.counts.tolist(), made.missing
        ([0, 1, 2, 1, 0], 1)
        """
        numbers = np.asarray(values, np.float64).ravel()
        known = numbers[~np.isnan(numbers)]
        quantiles = np.quantile(known, np.linspace(0, 1, MOST_BINS + 1), method="inverted_cdf")
        edges = np.unique(np.concatenate([[np.nextafter(quantiles[0], -np.inf)], quantiles]))
        made = cls(edges, np.zeros(len(edges) + 1, np.int64))
        made.add(numbers)
        return made

    def empty(self) -> "Histogram":
        """Return a histogram with the same edges, without values."""
        return Histogram(self.edges, np.zeros_like(self.counts))

    def add(self, values: npt.ArrayLike) -> None:
        """Count more values; NaN is missing."""
        numbers = np.asarray(values, np.float64).ravel()
        known = numbers[~np.isnan(numbers)]
        self.missing += len(numbers) - len(known)
        self.counts += np.bincount(np.searchsorted(self.edges, known), minlength=len(self.counts))

    @property
    def num(self) -> int:
        """Number of values that are not missing."""
        return int(self.counts.sum())

    def quantile(self, share: float) -> float:
        """Return the upper edge of the bin with a quantile; NaN without values, infinity above the last edge."""
        if not self.num:
            return float("nan")
        place = int(np.searchsorted(np.cumsum(self.counts), share * self.num))
        return float(self.edges[place]) if place < len(self.edges) else float("inf")

    def fields(self) -> dict[str, Any]:
        """Return the histogram as plain values."""
        return {"edges": self.edges.tolist(), "counts": self.counts.tolist(), "missing": self.missing}

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> "Histogram":
        """Return the histogram that `fields` wrote. fields: checked by `lab.core.record.reference_fields`."""
        edges, counts = np.array(fields["edges"], np.float64), np.array(fields["counts"], np.int64)
        return cls(edges, counts, fields["missing"])
