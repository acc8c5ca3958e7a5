import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.multitest import multipletests

from lab.report.stats import described, holm, intervals, paired
from lab.schema.report import Reported

SCORES = np.array([0.81, 0.84, 0.79, 0.86, 0.83])
BASE = np.array([0.80, 0.80, 0.78, 0.84, 0.84])


def test_mean_spread_and_extremes_are_numpys(ask: Callable[..., Reported]) -> None:
    values = np.array([[1.0, np.nan, 5.0], [2.0, np.nan, np.nan], [4.0, np.nan, 7.0]])
    first, none, last = described(values, ask().statistics)
    assert (first.num, first.mean, first.low, first.high) == (3, 7 / 3, 1.0, 4.0)
    assert first.sd == pytest.approx(np.std([1, 2, 4], ddof=1), rel=1e-12)
    assert none.num == 0
    assert math.isnan(none.mean)
    assert none.interval is None
    assert (last.num, last.mean) == (2, 6.0)


def test_one_run_has_no_spread(ask: Callable[..., Reported]) -> None:
    (stat,) = described(np.array([[0.5]]), ask().statistics)
    assert (stat.num, stat.mean, stat.interval) == (1, 0.5, None)
    assert math.isnan(stat.sd)


@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_few_runs_have_the_t_interval(ask: Callable[..., Reported], confidence: float) -> None:
    (found,) = intervals(SCORES[:, None], ask(statistics__confidence=confidence).statistics)
    assert found is not None
    expected = scipy.stats.t.interval(confidence, 4, SCORES.mean(), scipy.stats.sem(SCORES))
    assert (found.low, found.high) == pytest.approx(expected, rel=1e-12)
    assert found.method == "t"


def test_many_runs_are_bootstrapped_as_scipy_does(ask: Callable[..., Reported]) -> None:
    values = np.random.default_rng(3).gamma(2.0, 1.0, 40)
    settings = ask(statistics__resamples=20_000).statistics
    (found,) = intervals(values[:, None], settings)
    assert found is not None
    theirs = scipy.stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert found.method == "bootstrap"
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=0.02 * values.std())
    assert intervals(values[:, None], settings)[0] == found


def test_the_bootstrap_resamples_rows_alike_in_every_column_and_in_pieces(ask: Callable[..., Reported]) -> None:
    values = np.random.default_rng(0).normal(size=(2500, 1))
    settings = ask(statistics__resamples=2000).statistics
    first, second = intervals(np.hstack([values, 2 * values]), settings)
    assert first is not None
    assert second is not None
    assert second.low == pytest.approx(2 * first.low)
    assert first.high - first.low == pytest.approx(2 * 1.96 / math.sqrt(2500), rel=0.1)


def test_where_the_bootstrap_begins_is_a_setting(ask: Callable[..., Reported]) -> None:
    (found,) = intervals(SCORES[:, None], ask(statistics__bootstrap_from=5).statistics)
    assert found is not None
    assert found.method == "bootstrap"


def test_the_paired_test_is_scipys() -> None:
    p, effect = paired(SCORES - BASE)
    assert p == pytest.approx(scipy.stats.ttest_rel(SCORES, BASE).pvalue, rel=1e-10)
    assert effect == pytest.approx((SCORES - BASE).mean() / (SCORES - BASE).std(ddof=1), rel=1e-12)


def test_differences_without_a_spread() -> None:
    assert paired(np.zeros(3)) == (1.0, 0.0)
    assert paired(np.full(3, -0.1)) == (0.0, -math.inf)


@pytest.mark.parametrize("p_values", [[0.01, 0.04, 0.03, 0.2], [0.5], [0.02, 0.02, 0.9, 0.9], [], [1e-9, 0.049, 0.05]])
def test_the_correction_is_statsmodels(p_values: list[float]) -> None:
    expected = multipletests(p_values, method="holm")[1].tolist() if p_values else []
    assert holm(p_values) == pytest.approx(expected, rel=1e-12)
