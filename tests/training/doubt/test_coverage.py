"""Accuracy against coverage: the surest rows first, rows of one probability together."""

import numpy as np
import pytest

from lab.training.doubt.coverage import NUM_POINTS, coverage_curve


def test_the_curve_ends_with_all_rows_and_keeps_the_surest() -> None:
    random = np.random.default_rng(0)
    confidence = random.random(4000)
    right = random.random(4000) < confidence
    points = coverage_curve(confidence, right)
    assert len(points) == NUM_POINTS
    assert [point.coverage for point in points] == pytest.approx(np.arange(1, NUM_POINTS + 1) / NUM_POINTS, abs=1e-3)
    assert points[-1].accuracy == pytest.approx(right.mean())
    assert points[1].accuracy > 0.9 > 0.7 > points[-1].accuracy > 0.4
    assert all(point.accuracy == right[confidence >= point.threshold].mean() for point in points)


@pytest.mark.parametrize("num", [1, 3, 50])
def test_equal_probabilities_are_one_point(num: int) -> None:
    points = coverage_curve(np.full(num, 0.7), np.arange(num) % 2 == 0)
    assert [(point.threshold, point.coverage) for point in points] == [(0.7, 1.0)]
