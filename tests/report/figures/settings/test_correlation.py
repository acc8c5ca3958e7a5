import numpy as np
import pytest
from scipy import stats

from lab.report.figures.base import Absent
from lab.report.figures.settings import correlation

RNG = np.random.default_rng(0)


def test_spearman_equals_scipys_with_ties_and_gaps() -> None:
    x = RNG.integers(0, 5, 40).astype(float)
    y = x + RNG.normal(0, 2, 40)
    expected = stats.spearmanr(x, y).statistic
    assert correlation.spearman(x, y) == pytest.approx(expected)
    gap = np.append(x, np.nan), np.append(y, 1.0)
    assert correlation.spearman(*gap) == pytest.approx(expected)
    assert np.isnan(correlation.spearman(np.ones(5), np.arange(5.0)))


def test_eta_squared_is_the_share_of_a_one_way_anova() -> None:
    levels = np.array(list("aaabbbbcc"))
    y = RNG.normal(0, 1, 9) + (levels == "b")
    f = stats.f_oneway(*(y[levels == name] for name in "abc")).statistic
    share = f * 2 / (f * 2 + 6)  # between 2 degrees of freedom, within 6
    assert correlation.eta(levels, y) == pytest.approx(np.sqrt(share))
    assert np.isnan(correlation.eta(np.array(["a", "a"]), np.array([1.0, 2.0])))


def test_numbers_get_spearman_choices_eta_and_few_runs_a_warning(some) -> None:
    data = correlation.compute(some(9))
    assert data.methods == ("spearman", "eta")
    assert data.outcomes == ("objective", "time_s")
    assert data.values[0].tolist() == pytest.approx([1.0, -1.0])
    assert 0 <= data.values[1, 0] < 0.5
    assert data.has_few_runs
    assert not correlation.compute(some(10)).has_few_runs


def test_nothing_to_correlate_says_why(some) -> None:
    assert correlation.compute(some(2)) == Absent("absent.correlation", {"num": 2})
