"""Accuracy of the rows that are left where a model abstains: the curve of selective classification.

Rows are kept whose probability reaches a threshold. Source: El-Yaniv and Wiener 2010, the risk-coverage curve. Pure.
"""

from typing import NamedTuple

import numpy as np

from lab.models.calibration import Bools, Floats

NUM_POINTS = 20


class Point(NamedTuple):
    """threshold: least probability of a kept row; coverage: share of rows that are kept; accuracy: of the kept rows."""

    threshold: float
    coverage: float
    accuracy: float


def coverage_curve(confidence: Floats, right: Bools) -> list[Point]:
    """Return the curve of rows (N,), from the surest rows to all of them, at most `NUM_POINTS` points.

    Rows of equal probability are kept or left together.

    >>> coverage_curve(np.array([0.9, 0.6, 0.6, 0.5]), np.array([True, True, False, False]))[0]
    Point(threshold=0.9, coverage=0.25, accuracy=1.0)
    """
    order = np.sort(confidence)[::-1]
    wanted = np.ceil(np.linspace(0, 1, NUM_POINTS + 1)[1:] * len(order)).astype(int) - 1
    points = []
    for threshold in dict.fromkeys(order[wanted].tolist()):
        kept = confidence >= threshold
        points.append(Point(threshold, float(kept.mean()), float(right[kept].mean())))
    return points
