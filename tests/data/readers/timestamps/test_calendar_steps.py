"""Steps of the calendar and rows as steps: windows are counted in rows, moments stay those of the table."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir

from lab.config.check import check
from lab.data.readers.timestamps.calendar_steps import CalendarStep, accepted_spelling, parse_calendar_step
from lab.data.series import dataset

CONF = Path(__file__).parents[4] / "conf"


def table(moments: Any, groups: int = 1) -> pd.DataFrame:
    parts = []
    for group in range(groups):
        rain, wind = np.random.default_rng(group).gamma(1, 1, (2, len(moments))).round(3)
        dates = pd.DatetimeIndex(moments).strftime("%Y-%m-%d")
        parts.append(pd.DataFrame({"date": dates, "station": f"s{group}", "rain": rain, "wind": wind}))
    return pd.concat(parts)


def holidays(moments: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Without some days."""
    return moments.delete([7, 33, 60, 61])


@pytest.mark.parametrize("rule", ["MS", "ME", "QS", "QE", "YS", "YE", "B"])
def test_a_table_of_calendar_steps_is_read_unchanged(typed: Callable[..., Any], rule: str) -> None:
    moments = pd.date_range("1990-01-01", periods=120, freq=rule)
    frame = table(moments, 2)
    panel = typed("a.csv", frame, "data.group=station")
    np.testing.assert_allclose(panel.values, frame[["rain", "wind"]], rtol=1e-6)
    assert (panel.times(np.arange(240)) == np.tile(moments.to_numpy(), 2)).all()
    assert [panel.row_from(1, moments[at].to_datetime64()) for at in (0, 50, 119)] == [120, 170, 239]
    assert panel.row_from(0, moments[50].to_datetime64() + np.timedelta64(1, "h")) == 51
    assert panel.span() == (moments[0].to_datetime64(), moments[-1].to_datetime64())


@pytest.mark.parametrize(("rule", "written"), [("MS", "1MS"), ("ME", "1MS"), ("QS", "1QS"), ("YS", "1YS")])
def test_a_month_that_is_not_there_becomes_a_gap(typed: Any, refused: Any, rule: str, written: str) -> None:
    moments = pd.date_range("1900-01-01", periods=120, freq=rule)
    frame = table(holidays(moments))
    _, ways = refused("a.csv", frame)
    assert ways == [[f"data.resample={written}"], ["data.step=row"]]
    panel = typed("a.csv", frame, *ways[0])
    assert np.flatnonzero(np.isnan(panel.values[:, 0])).tolist() == [7, 33, 60, 61]
    np.testing.assert_allclose(panel.values[~np.isnan(panel.values[:, 0])], frame[["rain", "wind"]], rtol=1e-6)
    starts = moments.to_period(written[1]).start_time
    assert (panel.times(np.arange(120)) == starts.to_numpy()).all()


def test_trading_days_are_rows_or_business_days(typed: Any, refused: Any) -> None:
    moments = pd.bdate_range("2020-01-01", periods=200)
    frame = table(holidays(moments))
    _, ways = refused("a.csv", frame)
    assert ways == [["data.step=row"], ["data.resample=1B"]]
    rows = typed("a.csv", frame, *ways[0])
    assert len(rows.values) == 196
    assert not np.isnan(rows.values).any()
    assert (rows.times(np.arange(196)) == holidays(moments).to_numpy()).all()
    days = typed("a.csv", frame, *ways[1])
    assert (days.times(np.arange(200)) == moments.to_numpy()).all()
    assert np.flatnonzero(np.isnan(days.values[:, 0])).tolist() == [7, 33, 60, 61]


def test_months_are_made_of_days(typed: Any) -> None:
    moments = pd.date_range("2020-01-10", "2021-12-20")
    frame = table(moments)
    panel = typed("a.csv", frame, "data.resample=1MS")
    means = frame.set_index(pd.DatetimeIndex(moments))["rain"].resample("MS").mean()
    np.testing.assert_allclose(panel.values[:, 0], means, rtol=1e-5)
    assert (panel.times(np.arange(24)) == means.index.to_numpy()).all()
    assert len(typed("a.csv", frame, "data.resample=2QS").values) == 4


def test_irregular_rows_are_steps_where_requested(typed: Any, refused: Any) -> None:
    moments = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.cumsum(np.random.default_rng(0).integers(1, 9, 90)), "D")
    panel = typed("a.csv", table(moments), "data.step=row")
    assert (panel.times(np.arange(90)) == moments.to_numpy()).all()
    twice = table(moments.insert(5, moments[5]))
    error, _ = refused("a.csv", twice, "data.step=row")
    assert "occur twice" in str(error)
    error, _ = refused("a.csv", table(moments), "data.step=row", "data.resample=1D")
    assert [mistake.key for mistake in error.mistakes] == ["data.step"]


@pytest.mark.parametrize(
    ("text", "result"), [("1MS", CalendarStep(1, "M")), ("2QS", CalendarStep(6, "M")), ("YS", CalendarStep(12, "M")),
                        ("5B", CalendarStep(5, "B")), ("1M", None), ("0MS", None), ("1D", None)],
)  # fmt: skip
def test_how_steps_are_written(text: str, result: CalendarStep | None) -> None:
    assert parse_calendar_step(text) == result


@pytest.mark.parametrize(("text", "other"), [("1M", "1MS"), ("ME", "1MS"), ("3Q", "3QS"), ("QE-DEC", "1QS"),
                                            ("A", "1YS"), ("monthly", "1MS"), ("often", None)])  # fmt: skip
def test_other_spellings_are_named(refused: Any, text: str, other: str | None) -> None:
    assert accepted_spelling(text) == other
    _, ways = refused("a.csv", table(pd.date_range("2020-01-01", periods=50)), f"data.resample={text}")
    assert other is None or ways == [[f"data.resample={other}"]]


@pytest.mark.parametrize(
    ("moments", "words"),
    [(pd.date_range("1990-01-01", periods=300, freq="MS"), ()),
     (holidays(pd.bdate_range("2020-01-01", periods=304)), ("data.step=row",))],
)  # fmt: skip
def test_windows_purge_horizon_and_persistence_are_counted_in_rows(
    tmp_path: Path, moments: pd.DatetimeIndex, words: tuple[str, ...]
) -> None:
    """The class of a window is that of the row `horizon` rows on; persistence that of its newest row; splits begin at
    their moments, and the newest rows of two are window + horizon apart."""
    frame = table(moments, 2)
    frame.to_csv(tmp_path / "a.csv", index=False)
    begin = [f"data.split.val_from={moments[180]:%Y-%m-%d}", f"data.split.test_from={moments[240]:%Y-%m-%d}"]
    given = ["data=series_table", "model=inception_time", f"data.path={tmp_path / 'a.csv'}", "data.time=date",
             "data.group=station", "data.label={feature: rain, horizon: 2, threshold: 0.7}", "data.window=12",
             "data.scale=none", *begin, *words]  # fmt: skip
    with initialize_config_dir(str(CONF)):
        data = check(compose("config", given)).data
    result = dataset.load(data)  # type: ignore[arg-type]
    rain = frame["rain"].to_numpy()
    edges = {"train": (11, 180 - 14), "val": (180, 240 - 14), "test": (240, 298)}
    for split, (start, stop) in edges.items():
        ends = np.concatenate([np.arange(start, stop), 300 + np.arange(start, stop)])
        assert result.splits[split].ends.tolist() == ends.tolist()
        assert result.splits[split].labels.tolist() == (rain[ends + 2] >= 0.7).astype(int).tolist()
        now = result.splits[split].current_labels
        assert now is not None
        assert now.tolist() == (rain[ends] >= 0.7).astype(int).tolist()
    assert result.facts["left_out"] == {"no_label": 4, "gaps": 0, "purged": 56}


def test_the_moments_of_rows_belong_to_the_fingerprint(tmp_path: Path) -> None:
    keys = set()
    for shift in (0, 3):
        moments = pd.bdate_range("2020-01-01", periods=200)
        table(moments.delete([20 + shift, 50])).assign(wind=np.arange(198) % 7, rain=np.arange(198) % 5).to_csv(
            tmp_path / "a.csv", index=False
        )
        given = ["data=series_table", "model=inception_time", f"data.path={tmp_path / 'a.csv'}", "data.time=date",
                 "data.label={feature: rain, horizon: 1, threshold: 1.0}", "data.window=5", "data.step=row",
                 "data.split.val_from=2020-06-01", "data.split.test_from=2020-08-03"]  # fmt: skip
        with initialize_config_dir(str(CONF)):
            keys.add(dataset.load(check(compose("config", given)).data).fingerprint)  # type: ignore[arg-type]
    assert len(keys) == 2
