"""Columns that are copies of the label, or from which it was made."""

import numpy as np
import numpy.typing as npt
import pytest

from lab.core.batches import MISSING
from lab.data.series.target_leakage import MIN_ROWS, LeakingColumn, leaking_columns

CODES = np.tile(np.array([0, 2, 1, MISSING], np.int16), 10)
RAIN = np.where(CODES == MISSING, np.nan, CODES * 10 + np.random.default_rng(0).random(40)).astype(np.float32)


def result(column: npt.NDArray[np.floating], codes: npt.NDArray[np.int16] = CODES) -> list[LeakingColumn]:
    return list(leaking_columns(column.astype(np.float32)[:, None], ("x",), codes))


@pytest.mark.parametrize("coded", [CODES, -CODES * 7.5, np.where(CODES == MISSING, 3, CODES + 1)])
def test_the_label_in_other_numbers_is_a_copy(coded: npt.NDArray[np.floating]) -> None:
    assert result(coded) == [LeakingColumn("x", copy=True)]


@pytest.mark.parametrize("column", [RAIN, -RAIN, np.where(np.arange(40) == 4, np.nan, RAIN)])
def test_ranges_that_no_two_classes_share_give_the_label_away(column: npt.NDArray[np.floating]) -> None:
    assert result(column) == [LeakingColumn("x", copy=False)]


def test_a_shared_value_or_range_does_not() -> None:
    touching, crossed = RAIN.copy(), RAIN.copy()
    touching[CODES == 0] = RAIN[CODES == 1].min()
    crossed[0] = 25
    assert result(touching) == result(crossed) == []


def test_a_column_that_is_missing_where_a_class_is_tells_nothing() -> None:
    assert result(np.where(CODES == 2, np.nan, RAIN)) == []


def test_few_rows_and_one_class_tell_nothing() -> None:
    few = MIN_ROWS - 1
    assert result(np.arange(few), (np.arange(few) > few // 2).astype(np.int16)) == []
    assert result(np.arange(40), np.zeros(40, np.int16)) == []
    assert result(np.arange(40), np.full(40, MISSING, np.int16)) == []


def test_each_column_is_looked_at_by_itself() -> None:
    table = np.stack([np.random.default_rng(1).random(40), CODES, RAIN], 1).astype(np.float32)
    assert list(leaking_columns(table, ("a", "b", "c"), CODES)) == [LeakingColumn("b", True), LeakingColumn("c", False)]
