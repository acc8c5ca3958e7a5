"""Time stamps in the formats that are read, and the settings proposed for other formats."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

HOURS = pd.date_range("2024-01-28 05:00", periods=80, freq="h")
DAYS = pd.date_range("2024-01-28", periods=40)
FIRST = {"h": HOURS[0].to_datetime64(), "D": DAYS[0].to_datetime64()}


def table(**columns: Any) -> pd.DataFrame:
    num = len(next(iter(columns.values())))
    rain = np.random.default_rng(0).random((2, num)).round(3)
    return pd.DataFrame({**columns, "rain": rain[0], "wind": rain[1]})


def since(moments: pd.DatetimeIndex, unit: str) -> Any:
    return ((moments - pd.Timestamp(0)) // pd.Timedelta(1, unit)).astype("int64")


WRITTEN = {
    "digits": (DAYS.strftime("%Y%m%d").astype(int), "%Y%m%d", "D"),
    "digits of an hour": (HOURS.strftime("%Y%m%d%H").astype(int), "%Y%m%d%H", "h"),
    "months": (pd.date_range("2020-01-01", periods=40, freq="MS").strftime("%Y%m").astype(int), "%Y%m", None),
    "seconds": (since(HOURS, "s"), "epoch_s", "h"),
    "thousandths": (since(HOURS, "ms"), "epoch_ms", "h"),
    "microseconds": (since(HOURS, "us"), "epoch_us", "h"),
    "seconds with fractions": (since(HOURS, "s") + 0.0, "epoch_s", "h"),
    "text": (HOURS.strftime("%d/%m/%Y %H:%M"), "%d/%m/%Y %H:%M", "h"),
}


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.xlsx"])
@pytest.mark.parametrize("kind", WRITTEN)
def test_what_is_named_reads_them(typed: Callable[..., Any], refused: Callable[..., Any], name: str, kind: str) -> None:
    cells, form, unit = WRITTEN[kind]
    _, ways = refused(name, table(date=cells))
    assert ways[0] in ([f"data.time_format={form}"], [f'data.time_format="{form}"'])
    panel = typed(name, None, *ways[0])
    assert panel.first[0] == (FIRST[unit] if unit else np.datetime64("2020-01-01"))
    assert len(panel.values) == len(cells)


def test_a_given_format_is_used_on_numbers_that_lose_their_first_digit(typed: Any) -> None:
    for name in ("a.csv", "a.parquet"):
        numbers = table(date=DAYS.strftime("%d%m%Y").astype(int))
        assert typed(name, numbers, 'data.time_format="%d%m%Y"').first[0] == FIRST["D"]
    text = "date,rain,wind\n" + "".join(f"{day:%d%m%Y},{at % 3},{at % 5}\n" for at, day in enumerate(DAYS))
    assert typed("a.csv", text, 'data.time_format="%d%m%Y"').first[0] == FIRST["D"]


def test_a_format_that_does_not_fit_is_refused_with_the_one_that_does(refused: Any) -> None:
    months = pd.date_range("2020-01-01", periods=40, freq="MS").strftime("%Y%m").astype(int)
    error, ways = refused("a.csv", table(date=months), 'data.time_format="%Y%m%d"')  # not the first of January
    assert "has no date written %Y%m%d" in str(error)
    assert ways == [['data.time_format="%Y%m"']]
    for form, cells in {"epoch_s": since(HOURS, "ms"), "epoch_ms": since(HOURS, "s")}.items():
        error, ways = refused("a.csv", table(date=cells), f"data.time_format={form}")
        assert ways == [[f"data.time_format={'epoch_ms' if form == 'epoch_s' else 'epoch_s'}"]]
    for form in ("dd/mm/yyyy", '"%Q"', "epoch_s", '"%d/%m/%Y"'):
        error, ways = refused("a.csv", table(date=DAYS.strftime("%Y-%m-%d")), f"data.time_format={form}")
        assert ways == [["data.time_format=null"]], error
    error, ways = refused("a.parquet", table(date=DAYS), 'data.time_format="%d/%m/%Y"')
    assert "has no effect" in str(error)
    assert ways == [["data.time_format=null"]]


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.xlsx"])
@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"date": HOURS.strftime("%Y-%m-%d"), "hour": HOURS.hour}, ["data.time=[date,hour]"]),
        ({"date": HOURS.strftime("%Y-%m-%d"), "hour": HOURS.strftime("%H:%M")}, ["data.time=[date,hour]"]),
        ({"date": HOURS.strftime("%d/%m/%Y"), "hour": HOURS.strftime("%H%M").astype(int)},
         ["data.time=[date,hour]", 'data.time_format="%d/%m/%Y %H%M"']),
        ({"date": HOURS.strftime("%Y%m%d").astype(int), "hour": HOURS.hour},
         ["data.time=[date,hour]", 'data.time_format="%Y%m%d %H"']),
        ({"date": HOURS.year, "month": HOURS.month, "day": HOURS.day, "hour": HOURS.hour},
         ["data.time=[date,month,day,hour]", 'data.time_format="%Y %m %d %H"']),
    ],
)  # fmt: skip
def test_date_and_hour_in_columns_of_their_own(typed: Any, name: str, columns: Any, words: list[str]) -> None:
    panel = typed(name, table(**columns), *words)
    assert panel.columns == ("rain", "wind")
    assert panel.first[0] == FIRST["h"]
    assert panel.step == np.timedelta64(3600, "s")


def test_dates_of_a_sheet_beside_hours_and_an_hour_24(typed: Any) -> None:
    assert (
        typed("a.xlsx", table(date=HOURS.normalize(), hour=HOURS.hour), "data.time=[date,hour]").first[0] == FIRST["h"]
    )
    clock = [moment.time() for moment in HOURS]
    assert typed("a.xlsx", table(date=HOURS.normalize(), hour=clock), "data.time=[date,hour]").first[0] == FIRST["h"]
    ending = HOURS - pd.Timedelta(1, "h")  # hours 1 to 24
    panel = typed("a.csv", table(date=ending.strftime("%Y-%m-%d"), hour=ending.hour + 1), "data.time=[date,hour]")
    assert panel.first[0] == FIRST["h"]
    assert panel.step == np.timedelta64(3600, "s")


def test_columns_of_a_date_in_another_way_are_named(typed: Any, refused: Any) -> None:
    cells = table(date=HOURS.strftime("%Y%m%d").astype(int), hour=HOURS.hour)
    _, ways = refused("a.csv", cells, "data.time=[date,hour]")
    assert ways == [['data.time_format="%Y%m%d %H"']]
    assert typed("a.csv", cells, "data.time=[date,hour]", *ways[0]).first[0] == FIRST["h"]
    error, ways = refused("a.csv", cells, "data.time=[date,hous]")
    assert ways == [["data.time=[date,hour]"]], error
    error, _ = refused("a.csv", cells, "data.time=[date,hour]", "data.group=hour")
    assert "is already data.time" in str(error)
