import math

import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.multitest import multipletests

from lab.report.analysis.statistics import clipped, column_stats, holm, intervals, paired_t_test
from lab.report.findings import Interval

SCORES = np.array([0.81, 0.84, 0.79, 0.86, 0.83])
BASE = np.array([0.80, 0.80, 0.78, 0.84, 0.84])


def test_mean_spread_and_extremes_are_numpys() -> None:
    values = np.array([[1.0, np.nan, 5.0], [2.0, np.nan, np.nan], [4.0, np.nan, 7.0]])
    first, none, last = column_stats(values, 0.95)
    assert (first.num, first.mean, first.low, first.high) == (3, 7 / 3, 1.0, 4.0)
    assert first.sd == pytest.approx(np.std([1, 2, 4], ddof=1), rel=1e-12)
    assert none.num == 0
    assert math.isnan(none.mean)
    assert none.interval is None
    assert (last.num, last.mean) == (2, 6.0)


def test_one_run_has_no_spread() -> None:
    (stat,) = column_stats(np.array([[0.5]]), 0.95)
    assert (stat.num, stat.mean, stat.interval) == (1, 0.5, None)
    assert math.isnan(stat.sd)


@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_the_interval_is_students_t(confidence: float) -> None:
    (result,) = intervals(SCORES[:, None], confidence)
    assert result is not None
    expected = scipy.stats.t.interval(confidence, 4, SCORES.mean(), scipy.stats.sem(SCORES))
    assert (result.low, result.high) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("num", [3, 10, 30])
def test_the_interval_covers_the_mean_as_often_as_it_says(num: int) -> None:
    result = intervals(np.random.default_rng(num).normal(size=(num, 2000)), 0.95)
    assert 0.93 < np.mean([one is not None and one.low < 0 < one.high for one in result]) < 0.97


def test_the_paired_test_is_scipys() -> None:
    p, effect = paired_t_test(SCORES - BASE)
    assert p == pytest.approx(scipy.stats.ttest_rel(SCORES, BASE).pvalue, rel=1e-10)
    assert effect == pytest.approx((SCORES - BASE).mean() / (SCORES - BASE).std(ddof=1), rel=1e-12)


def test_differences_without_a_spread() -> None:
    """Two seeds with one and the same difference are no proof."""
    for differences in (np.zeros(3), np.full(3, -0.1), np.full(2, 0.05)):
        assert all(math.isnan(value) for value in paired_t_test(differences))


@pytest.mark.parametrize("p_values", [[0.01, 0.04, 0.03, 0.2], [0.5], [0.02, 0.02, 0.9, 0.9], [], [1e-9, 0.049, 0.05]])
def test_the_correction_is_statsmodels(p_values: list[float]) -> None:
    expected = multipletests(p_values, method="holm")[1].tolist() if p_values else []
    assert holm(p_values) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("val/f1_macro", (0.0, 1.0)), ("test/causa/balanced_accuracy", (0.0, 1.0)), ("test/mcc", (-1.0, 1.0)),
     ("val/loss", (-1.5, 1.2)), ("time_s", (-1.5, 1.2))],
)  # fmt: skip
def test_an_interval_of_a_score_ends_where_the_score_does(name: str, expected: tuple[float, float]) -> None:
    assert clipped(Interval(-1.5, 1.2), name) == expected
    assert clipped(Interval(0.25, 0.5), name) == (0.25, 0.5)
    assert clipped(None, name) is None
