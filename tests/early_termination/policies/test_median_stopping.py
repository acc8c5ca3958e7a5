"""Median stopping: the mean of the reports, and the best value against the median of the means."""

import math

import pytest

from lab.early_termination.policies.median_stopping import MedianStopping, mean_of

from ..conftest import decide, ended


@pytest.mark.parametrize(
    ("values", "mean"),
    [
        ([1.0, 2.0], 1.5),
        ([1.0, math.nan], 1.0),
        ([], None),
        ([math.nan], None),
        ([math.inf, 1.0], math.inf),
        ([math.inf, -math.inf], None),
    ],
)
def test_the_mean_leaves_out_nan(values: list[float], mean: float | None) -> None:
    assert mean_of(values) == mean


def test_the_best_value_is_compared_with_the_median_of_the_running_averages() -> None:
    histories = {0: [0.5, 0.7], 1: [0.1, 0.65], 2: [0.6, 0.8], 3: [0.2, 0.3]}
    assert ended(MedianStopping(), "maximize", histories) == {3}
    assert "0.3 is below 0.4875, the median of 4 trials" in str(
        decide(MedianStopping(), "maximize", histories, 3, frozenset())
    )
