"""Gaps: counted, filled from the past of the same group, or drawn through inside one window and nowhere else."""

import numpy as np
import pytest

from lab.data.series.missing_values import (
    complete_windows,
    counts,
    fill_forward,
    interpolated,
    windows_with_empty_column,
)
from lab.data.series.panel import Panel

NAN = np.nan


def panel(values: list[list[float]], starts: list[int]) -> Panel:
    groups = tuple(f"g{number}" for number in range(len(starts) - 1))
    first = np.zeros(len(groups), "datetime64[s]")
    array = np.array(values, np.float32)
    columns = tuple("abc"[: array.shape[1]])
    return Panel(columns, array, groups, np.array(starts), first, np.timedelta64(60, "s"))


def test_forward_fill_stays_inside_a_group() -> None:
    rows = panel([[1, NAN], [NAN, 5], [NAN, NAN], [NAN, 7], [4, NAN]], [0, 3, 5])
    assert counts(rows) == {"a": 3, "b": 3}
    fill_forward(rows)
    expected = [[1, NAN], [1, 5], [1, 5], [NAN, 7], [4, 7]]
    assert np.array_equal(rows.values, np.array(expected, np.float32), equal_nan=True)


def test_windows_without_a_gap_and_windows_with_an_empty_column() -> None:
    values = np.array([[1, 1], [NAN, 2], [NAN, 3], [4, 4], [5, 5]], np.float32)
    assert complete_windows(values, 2).tolist() == [False, False, False, True]
    found, column = windows_with_empty_column(values, 2)
    assert found.tolist() == [False, True, False, False]
    assert column == 0
    assert windows_with_empty_column(values, 3)[1] == -1


def test_a_line_is_drawn_between_observed_values_and_goes_on_level_at_both_ends() -> None:
    seen = np.array([[NAN, 2, NAN, NAN, 8, NAN], [NAN] * 6, [3] * 6], np.float32)[:, :, None]
    observed = ~np.isnan(seen)
    filled = interpolated(np.nan_to_num(seen), observed)[:, :, 0]
    assert filled.tolist() == [[2, 2, 4, 6, 8, 8], [0] * 6, [3] * 6]


@pytest.mark.parametrize("seed", range(3))
def test_a_line_is_that_of_numpy(seed: int) -> None:
    random = np.random.default_rng(seed)
    values, observed = random.normal(size=(4, 20, 3)).astype(np.float32), random.random((4, 20, 3)) < 0.4
    observed[:, 0] = True
    filled = interpolated(np.where(observed, values, 0), observed)
    for row in range(4):
        for column in range(3):
            at = np.flatnonzero(observed[row, :, column])
            line = np.interp(np.arange(20), at, values[row, at, column])
            assert np.allclose(filled[row, :, column], line, atol=1e-5)
