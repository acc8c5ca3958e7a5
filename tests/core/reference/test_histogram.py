"""Counts between quantiles: every value in one bin, the same for values added piece by piece, read back unchanged."""

import json

import numpy as np
import pytest

from lab.core.reference.histogram import MOST_BINS, Histogram


def test_every_value_is_in_the_bin_of_its_quantile() -> None:
    values = np.random.default_rng(0).lognormal(size=5000)
    made = Histogram.of(values)
    assert made.num == 5000
    assert len(made.counts) <= MOST_BINS + 3, "below the smallest, of the smallest, above the largest"
    assert (made.counts[0], made.counts[-1]) == (0, 0), "no value lies outside of its own range"
    assert made.counts[1:-1].max() <= 51
    assert made.quantile(0.5) == pytest.approx(np.median(values), rel=0.05)


def test_pieces_add_up_and_values_outside_the_range_are_in_the_outer_bins() -> None:
    made = Histogram.of([1.0, 2.0, 3.0])
    added = made.empty()
    for piece in ([0.5, 2.0], [float("nan"), 9.0, 9.0]):
        added.add(piece)
    assert added.counts.tolist() == [1, 0, 1, 0, 2]
    assert (added.num, added.missing) == (5 - 1, 1)
    assert made.counts.tolist() == [0, 1, 1, 1, 0]
    assert added.quantile(1.0) == float("inf")
    assert np.isnan(made.empty().quantile(0.5))


def test_a_histogram_is_read_back_unchanged() -> None:
    made = Histogram.of(np.random.default_rng(1).normal(size=300).astype(np.float32))
    again = Histogram.from_fields(json.loads(json.dumps(made.fields())))
    assert again.edges.tolist() == made.edges.tolist()
    assert again.counts.tolist() == made.counts.tolist()
