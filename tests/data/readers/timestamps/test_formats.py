"""Formats of times: digits that a number loses, counts since 1970, and the setting that reads a whole column."""

import numpy as np
import pandas as pd
import pytest

from lab.data.readers.timestamps.formats import (
    epoch_microseconds,
    join_columns,
    likely_epoch,
    suggested_setting,
    whole_numbers_as_text,
    zero_padded,
)


def test_leading_zeros_are_restored_and_another_width_is_missing() -> None:
    days = zero_padded(pd.Series(["1022024", "11022024", "24"], dtype="string"), "%d%m%Y")
    assert days.tolist()[:2] == ["01022024", "11022024"]
    years = zero_padded(pd.Series(["202411", "20241101"], dtype="string"), "%Y%m%d")
    assert years.isna().tolist() == [True, False], "a month is no day"
    texts = pd.Series(["1/2/2024"], dtype="string")
    assert zero_padded(texts, "%d/%m/%Y") is texts


def test_columns_are_joined_in_the_width_of_their_pieces() -> None:
    columns = [pd.Series(["2024"], dtype="string"), pd.Series(["7"], dtype="string")]
    assert join_columns(columns, "%Y %m").tolist() == ["2024 07"]


@pytest.mark.parametrize(
    ("value", "unit"), [(1.7e9, "epoch_s"), (1.7e12, "epoch_ms"), (1.7e15, "epoch_us"), (20240101, None)]
)
def test_a_count_since_1970_shows_its_unit(value: float, unit: str | None) -> None:
    assert likely_epoch(value) == unit


@pytest.mark.parametrize(
    ("cells", "setting"),
    [(["20240131", "20240201"], "%Y%m%d"), (["31/01/2024", "01/02/2024"], "%d/%m/%Y"), ([1700000000] * 2, "epoch_s"),
     (["soon", "later"], ""), ([None, None], "")],
)  # fmt: skip
def test_the_setting_that_reads_a_column(cells: list[object], setting: str) -> None:
    result = suggested_setting(pd.Series(cells), None)
    assert (setting in result) if setting else result == ""


def test_counts_become_microseconds_without_rounding() -> None:
    assert epoch_microseconds(pd.Series([2**53 + 1]), "epoch_us").tolist() == [2**53 + 1]
    assert epoch_microseconds(pd.Series([1.5, np.nan]), "epoch_s").tolist() == [1_500_000, np.iinfo(np.int64).min]
    assert whole_numbers_as_text(pd.Series([3.0, 3.5])).isna().tolist() == [False, True]
