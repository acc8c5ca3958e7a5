"""Numbers as people write them; every remedy is typed and reads the column."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lab.data.readers.numeric.number_formats import NumberFormat

DAYS = pd.date_range("2024-01-01", periods=40).strftime("%Y-%m-%d")
RAIN = np.random.default_rng(0).gamma(1, 2, 40).round(2)
AMOUNTS = np.random.default_rng(1).integers(1_000, 90_000, 40) + 0.5


@pytest.mark.parametrize(
    ("spelling", "cell", "number"),
    [
        (NumberFormat(), "3.5", 3.5),
        (NumberFormat(), " -.5e3 ", -500.0),
        (NumberFormat(), "3,5", None),
        (NumberFormat(","), "3,5", 3.5),
        (NumberFormat(","), "3.5", None),
        (NumberFormat("any"), "3,5", 3.5),
        (NumberFormat("any"), "3.5", 3.5),
        (NumberFormat("any"), "1.234,5", None),
        (NumberFormat(".", ","), "1,234,567.8", 1234567.8),
        (NumberFormat(".", ","), "3,5", None),  # never 35
        (NumberFormat(".", ","), "0,615", None),
        (NumberFormat(",", "."), "-1.234,5", -1234.5),
        (NumberFormat(",", "."), "1.5", None),
        (NumberFormat(",", " "), "1\u202f234,5", 1234.5),
        (NumberFormat(".", "'"), "1\u2019234.5", 1234.5),
        (NumberFormat(), "?", None),
        (NumberFormat(), "1_000", None),
        (NumberFormat(), True, 1.0),
    ],
)
def test_one_grammar(spelling: NumberFormat, cell: object, number: float | None) -> None:
    assert spelling.number(cell) == number


def test_gaps_are_no_numbers_and_no_words() -> None:
    for cell in ("", "  ", "NA", "?"):
        assert np.isnan(NumberFormat(missing=("?",)).number(cell) or 0.0)


def half_commas() -> Any:
    return [f"{value}".replace(".", ",") if place % 2 else f"{value}" for place, value in enumerate(RAIN)]


def grouped(mark: str, point: str) -> Any:
    return [f"{value:,.1f}".replace(",", "\0").replace(".", point).replace("\0", mark) for value in AMOUNTS]


COLUMNS = {
    "half of it with decimal commas": (half_commas(), RAIN, ["data.decimal=any"]),
    "thousands": (grouped(",", "."), AMOUNTS, ['data.thousands=","']),
    "thousands in Spanish": (grouped(".", ","), AMOUNTS, ['data.decimal=","', "data.thousands=."]),
    "thousands in Swiss": (grouped("'", "."), AMOUNTS, ["data.thousands=\"'\""]),
    "question marks": (
        [f"{value}" if place % 3 else "?" for place, value in enumerate(RAIN)],
        np.where(np.arange(40) % 3, RAIN, np.nan), ['data.missing_markers=["?"]'],
    ),
    "commas and words": (
        [f"{value}".replace(".", ",") if place % 3 else "s/d" for place, value in enumerate(RAIN)],
        np.where(np.arange(40) % 3, RAIN, np.nan), ['data.decimal=","', "data.missing_markers=[s/d]"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", COLUMNS)
@pytest.mark.parametrize("name", ["a.csv", "a.xlsx", "a.parquet"])
def test_a_requested_column_is_a_mistake_and_its_remedy_reads_it(
    typed: Callable[..., Any], refused: Callable[..., Any], kind: str, name: str
) -> None:
    cells, numbers, words = COLUMNS[kind]
    table = pd.DataFrame({"date": DAYS, "rain": np.arange(40) % 7, "wind": cells})
    error, ways = refused(name, table, "data.features=[rain,wind]")
    assert "wind" in str(error)
    assert ways[0] == words
    panel = typed(name, None, "data.features=[rain,wind]", *ways[0])
    np.testing.assert_allclose(panel.values[:, 1], numbers, rtol=1e-6)


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx", "a.parquet"])
def test_a_column_that_nobody_named_is_left_out_loudly(
    typed: Callable[..., Any], caplog: pytest.LogCaptureFixture, name: str
) -> None:
    table = pd.DataFrame({"date": DAYS, "rain": np.arange(40) % 7, "wind": half_commas(), "note": ["calm", "x1"] * 20})
    with caplog.at_level("WARNING"):
        assert typed(name, table).columns == ("rain",)
    assert "column 'wind' is NO INPUT: 50% of its cells" in caplog.text
    assert "to read it: data.decimal=any" in caplog.text
    assert "note" not in caplog.text
    assert typed(name, None, "data.decimal=any").columns == ("rain", "wind")


def test_decimals_that_alternate_between_columns_have_one_way_out(refused: Any, typed: Any) -> None:
    """`data.decimal=,` would spoil the other column, whose remedy led back."""
    table = pd.DataFrame({"date": DAYS, "rain": RAIN, "wind": [f"{value}".replace(".", ",") for value in RAIN[::-1]]})
    for setting in ((), ('data.decimal=","',)):
        error, ways = refused("a.csv", table, "data.features=[rain,wind]", *setting)
        assert len(error.mistakes) == 1
        assert ways == [["data.decimal=any"]]
    panel = typed("a.csv", table, "data.decimal=any")
    np.testing.assert_allclose(panel.values, np.stack([RAIN, RAIN[::-1]], 1), rtol=1e-6)


def test_a_comma_that_may_be_either_is_put_as_a_choice(refused: Any, typed: Any) -> None:
    table = pd.DataFrame({"date": DAYS, "rain": np.arange(40), "wind": [f"1,{place:03}" for place in range(40)]})
    _, ways = refused("a.csv", table)
    assert ways == [['data.decimal=","'], ['data.thousands=","']]
    assert typed("a.csv", table, *ways[0]).values[5, 1] == pytest.approx(1.005)
    assert typed("a.csv", table, *ways[1]).values[5, 1] == 1005


def test_the_column_that_labels_follow_is_read_by_its_remedy(refused: Any, typed: Any) -> None:
    table = pd.DataFrame({"date": DAYS, "rain": half_commas(), "wind": RAIN[::-1]})
    error, ways = refused("a.csv", table)
    assert [mistake.key for mistake in error.mistakes] == ["data.label.feature"]
    assert typed("a.csv", table, *ways[0]).columns == ("rain", "wind")


def test_text_of_numbers_in_a_parquet_file_or_sheet_is_an_input(typed: Any, tmp_path: Path) -> None:
    table = pd.DataFrame({"date": DAYS, "rain": [f"{value}" for value in RAIN], "wind": RAIN[::-1]})
    for name in ("a.parquet", "a.xlsx"):
        assert typed(name, table).columns == ("rain", "wind")


def test_marks_that_contradict_each_other_are_refused(refused: Any, typed: Any) -> None:
    table = pd.DataFrame({"date": DAYS, "rain": RAIN, "wind": grouped(",", ".")})
    for settings in (("data.decimal=any", 'data.thousands=","'), ('data.decimal=","', 'data.thousands=","')):
        error, _ = refused("a.csv", table, *settings)
        assert error.mistakes[0].key == "data.thousands"
