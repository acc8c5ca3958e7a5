"""Measures against their definitions and scipy, and their tests against simulated rows without a shift."""

import math

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import ks_2samp

from lab.core.reference.histogram import Histogram
from lab.inference.drift.measures import holm, level, of_classes, of_numbers, stability_index

RNG = np.random.default_rng(0)


def by_name(measures: list[object]) -> dict[str, tuple[float, float]]:
    return {each.name: (each.value, each.p) for each in measures}  # type: ignore[attr-defined]


def test_distances_of_classes_are_those_of_their_definitions() -> None:
    before, after = np.array([500, 300, 200, 0]), np.array([100, 100, 300, 0])
    found = by_name(list(of_classes(before, after)))
    p, q = before[:3] / 1000, after[:3] / 500
    assert found["total_variation"][0] == pytest.approx(np.abs(p - q).sum() / 2)
    assert found["jensen_shannon"][0] == pytest.approx(jensenshannon(p, q, base=2))
    assert found["population_stability_index"][0] == pytest.approx(((q - p) * np.log(q / p)).sum(), rel=0.01)
    assert all(p_value < 1e-10 for _, p_value in found.values())


def test_classes_that_only_new_rows_have_are_a_finite_shift() -> None:
    found = by_name(list(of_classes(np.array([100, 0]), np.array([50, 50]))))
    assert found["total_variation"][0] == pytest.approx(0.5)
    assert all(math.isfinite(value) and p < 0.001 for value, p in found.values())


def test_the_distance_of_numbers_is_that_of_scipy() -> None:
    old, new = RNG.integers(5, 60, 4000), RNG.integers(10, 70, 900)
    before = Histogram.of(old)
    after = before.empty()
    after.add(new)
    found, expected = by_name(list(of_numbers(before, after))), ks_2samp(old, new)
    assert found["kolmogorov_smirnov"][0] == pytest.approx(expected.statistic, abs=1e-9)
    assert found["population_stability_index"][0] > 0.25
    assert max(p for _, p in found.values()) < 1e-6


@pytest.mark.parametrize("name", ["population_stability_index", "kolmogorov_smirnov"])
def test_tests_of_numbers_are_rarely_significant_without_a_shift(name: str) -> None:
    before = Histogram.of(RNG.lognormal(size=3000))
    ps = []
    for _ in range(300):
        after = before.empty()
        after.add(RNG.lognormal(size=400))
        ps.append(by_name(list(of_numbers(before, after)))[name][1])
    assert np.mean(np.array(ps) < 0.05) < 0.13, "the reference's own chance is in every comparison"
    assert np.mean(ps) > 0.35


def test_few_rows_without_a_shift_are_in_no_band() -> None:
    """An index above .1 is usual for 50 rows: its test keeps it out of the band."""
    before, after = np.full(10, 500), np.bincount(RNG.integers(0, 10, 50), minlength=10)
    index = stability_index(before, after)
    assert index.value > 0.1
    assert level(index.value, index.p) == "none"


def test_one_class_only_is_no_shift() -> None:
    found = by_name(list(of_classes(np.array([5]), np.array([7]))))
    assert {(round(value, 9), p) for value, p in found.values()} == {(0.0, 1.0)}


def test_corrected_values_are_ordered_as_the_others_and_at_most_one() -> None:
    assert holm([0.01, 0.8, 0.9]) == [0.03, 1.0, 1.0]
    assert holm([]) == []
