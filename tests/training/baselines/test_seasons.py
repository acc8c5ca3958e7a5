"""The class one season ago, by hand: which season, how far back, what is unknown."""

from dataclasses import replace

import numpy as np
import pytest

from lab.core.batches import MISSING, HeadSpec
from lab.data.series.dataset import SeriesSet
from lab.data.series.panel import Cut, Panel
from lab.training.baselines.seasons import season_steps, seasonal_persistence

HEAD = HeadSpec("rain", ("no", "yes"), (9, 1))
FIRST = np.array(["2020-01-01"], "datetime64[us]")


def panel(step: np.timedelta64, num: int = 20, times: np.ndarray | None = None) -> Panel:
    values = np.zeros((num, 1), np.float32)
    return Panel(("x",), values, ("",), np.array([0, num]), FIRST, step.astype("timedelta64[us]"), row_times=times)


def daily(horizon: int, classes: list[int]) -> SeriesSet:
    own = np.array(classes, np.int16)
    about = panel(np.timedelta64(1, "D"), len(own))
    return SeriesSet("x", about, {}, HEAD, None, ("x",), {}, (), "", True, 1, row_classes=own, horizon=horizon)


def cut(*ends: int) -> Cut:
    num = len(ends)
    return Cut(np.array(ends, np.int32), np.full(num, 2, np.int32), np.zeros(num, np.int16))


@pytest.mark.parametrize(
    ("step", "rows"),
    [
        (np.timedelta64(1, "D"), 7),
        (np.timedelta64(1, "h"), 24),
        (np.timedelta64(15, "m"), 96),
        (np.timedelta64(7, "h"), None),
        (np.timedelta64(7, "D"), None),
    ],
)
def test_the_season_follows_the_spacing(step: np.timedelta64, rows: int | None) -> None:
    assert season_steps(panel(step)) == rows


def test_months_have_a_season_of_a_year() -> None:
    months = np.arange("2020-01", "2021-09", dtype="datetime64[M]").astype("datetime64[us]")
    assert season_steps(panel(np.timedelta64(31, "D"), 20, months)) == 12
    assert season_steps(panel(np.timedelta64(31, "D"), 2, months[[0, 5]])) is None


@pytest.mark.parametrize(("horizon", "back"), [(1, 6), (6, 1), (8, 6)])
def test_the_class_is_that_of_the_same_weekday(horizon: int, back: int) -> None:
    classes = [0] * 20
    classes[15 - back] = 1
    (baseline,) = seasonal_persistence(daily(horizon, classes), {"test": cut(14, 15, 16)})
    assert baseline.predicted["test"]["rain"].tolist() == [0, 1, 0]


def test_what_is_unknown_is_the_most_frequent_class() -> None:
    series = daily(1, [MISSING] + [1] * 19)
    (baseline,) = seasonal_persistence(series, {"val": cut(5, 6, 7)})
    assert baseline.predicted["val"]["rain"].tolist() == [0, 0, 1], "before the first row, not observed, known"
    assert baseline.scores["val"]["accuracy"] == pytest.approx(2 / 3)


def test_there_is_none_without_rule_times_or_another_answer_than_persistence() -> None:
    series = daily(1, [0] * 20)
    for other in (replace(series, row_classes=None), replace(series, has_times=False), daily(7, [0] * 20)):
        assert list(seasonal_persistence(other, {"val": cut(9)})) == []
