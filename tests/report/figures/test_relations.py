import numpy as np
import pytest
from scipy import stats

from lab.report.figures import relations
from lab.report.figures.plots import Absent

RNG = np.random.default_rng(0)


def test_spearman_equals_scipys_with_ties_and_gaps() -> None:
    x = RNG.integers(0, 5, 40).astype(float)
    y = x + RNG.normal(0, 2, 40)
    expected = stats.spearmanr(x, y).statistic
    assert relations.spearman(x, y) == pytest.approx(expected)
    gap = np.append(x, np.nan), np.append(y, 1.0)
    assert relations.spearman(*gap) == pytest.approx(expected)
    assert np.isnan(relations.spearman(np.ones(5), np.arange(5.0)))


def test_eta_squared_is_the_share_of_a_one_way_anova() -> None:
    levels = np.array(list("aaabbbbcc"))
    y = RNG.normal(0, 1, 9) + (levels == "b")
    f = stats.f_oneway(*(y[levels == name] for name in "abc")).statistic
    share = f * 2 / (f * 2 + 6)  # between 2 degrees of freedom, within 6
    assert relations.eta(levels, y) == pytest.approx(np.sqrt(share))
    assert np.isnan(relations.eta(np.array(["a", "a"]), np.array([1.0, 2.0])))


def some(tabled, num: int):
    rate, choice = np.geomspace(1e-5, 1e-2, num), np.array(["a", "b"] * num)[:num]
    score = np.log10(rate) / 10 + 0.001 * (choice == "b")
    columns = {"optimizer.lr": rate.tolist(), "model.name": choice.tolist()}
    return tabled(objective=score.tolist(), time_s=(10 / rate).tolist(), **columns)


def test_numbers_get_spearman_choices_eta_and_few_runs_a_warning(tabled) -> None:
    found = relations.correlation(some(tabled, 9))
    assert found.methods == ("spearman", "eta")
    assert found.outcomes == ("objective", "time_s")
    assert found.values[0].tolist() == pytest.approx([1.0, -1.0])
    assert 0 <= found.values[1, 0] < 0.5
    assert found.few
    assert not relations.correlation(some(tabled, 10)).few


def test_nothing_to_correlate_says_why(tabled) -> None:
    assert relations.correlation(some(tabled, 2)) == Absent("absent.correlation", {"found": 2})


def test_the_key_that_decides_is_the_most_important_every_time(tabled) -> None:
    found = [relations.importance(some(tabled, 60)) for _ in range(2)]
    assert found[0].keys[0] == "optimizer.lr"
    assert found[0].shares[0] > 0.7
    assert found[0].shares.sum() == pytest.approx(1.0)
    assert found[0].shares.tolist() == found[1].shares.tolist()
    assert relations.importance(some(tabled, 9)).reason == "absent.importance"


def test_parallel_coordinates_code_choices_and_take_logarithms(tabled) -> None:
    found = relations.parallel(some(tabled, 12))
    rate, model, result = found.dimensions
    assert (rate.name, model.name, result.name) == ("lr", "model", "objective")
    assert rate.log
    assert rate.values[0] == pytest.approx(-2.0)  # the best run is drawn first
    assert model.levels == ("a", "b")
    assert set(model.values) == {0.0, 1.0}


def test_lines_are_thinned_evenly_and_the_best_stays(tabled) -> None:
    kept = relations.thinned(range(1001), 5)
    assert kept == [0, 250, 500, 750, 1000]
    assert len(relations.parallel(some(tabled, 500)).rows) == relations.MOST_LINES
