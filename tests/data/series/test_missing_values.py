"""Gaps: counted, filled from the past of the same group, or drawn through inside one window and nowhere else."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

from lab.data.series.missing_values import (
    Interpolation,
    complete_windows,
    counts,
    fill_forward,
    windows_with_empty_column,
)
from lab.data.series.panel import Panel

NAN = np.nan
FloatArray = npt.NDArray[np.float32]


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
    result, column = windows_with_empty_column(values, 2)
    assert result.tolist() == [False, True, False, False]
    assert column == 0
    assert windows_with_empty_column(values, 3)[1] == -1


def windows_of(values: FloatArray, starts: list[int], first: list[int], last: list[int]) -> FloatArray:
    ends = np.array(last)
    length = int((ends - np.array(first)).max()) + 1
    places = np.maximum(ends[:, None] - np.arange(length - 1, -1, -1), 0)
    return Interpolation(values, np.array(starts)).windows(np.array(first), ends, places)


def test_a_line_is_drawn_between_observed_values_and_continues_level_at_both_ends() -> None:
    seen = np.array([NAN, 2, NAN, NAN, 8, NAN] + [NAN] * 6 + [3] * 6, np.float32)[:, None]
    filled = windows_of(seen, [0, 6, 12, 18], [0, 6, 12], [5, 11, 17])[:, :, 0]
    assert filled.tolist() == [[2, 2, 4, 6, 8, 8], [0] * 6, [3] * 6]


def test_no_value_from_outside_a_window_fills_it() -> None:
    seen = np.array([1, NAN, NAN, 7, NAN, 9], np.float32)[:, None]
    filled = windows_of(seen, [0, 6], [0, 1, 2, 1], [2, 3, 4, 2])[:, :, 0]
    assert filled[:3].tolist() == [[1, 1, 1], [7, 7, 7], [7, 7, 7]]
    assert filled[3, -2:].tolist() == [0, 0], "a window of two rows without a value"


def test_a_shorter_window_is_filled_at_its_own_rows() -> None:
    seen = np.array([1, 2, NAN, 4, NAN], np.float32)[:, None]
    filled = windows_of(seen, [0, 5], [0, 3], [4, 4])[:, :, 0]
    assert filled[0].tolist() == [1, 2, 3, 4, 4]
    assert filled[1, -2:].tolist() == [4, 4]


def filled_alone(window: FloatArray) -> FloatArray:
    """A column (T,) of one window, filled from this window alone, in the arithmetic of the panel's lines."""
    observed = np.flatnonzero(~np.isnan(window))
    filled = window.copy()
    if not len(observed):
        return np.zeros_like(window)
    filled[: observed[0]], filled[observed[-1] + 1 :] = window[observed[0]], window[observed[-1]]
    for left, right in pairwise(observed):
        share = np.arange(right - left) / (right - left)
        filled[left:right] = window[left] + (window[right] - window[left]) * share
    return filled


@pytest.mark.parametrize("missing", [0.05, 0.5, 0.95])
@pytest.mark.parametrize("seed", range(3))
def test_every_window_of_every_group_is_filled_as_it_would_be_alone(seed: int, missing: float) -> None:
    random = np.random.default_rng(seed)
    starts, length = [0, 30, 41, 90], 10
    values = random.normal(size=(90, 3)).astype(np.float32)
    values[random.random(values.shape) < missing] = NAN
    values[25:45, 1] = NAN  # a gap at the end of one group, in a whole group and at the start of the next
    kept = values.copy()
    first = [row for a, b in pairwise(starts) for row in range(a, b - length + 1)]
    filled = windows_of(values, starts, first, [row + length - 1 for row in first])
    alone = [[filled_alone(values[row : row + length, c]) for c in range(3)] for row in first]
    assert np.array_equal(filled, np.array(alone).transpose(0, 2, 1)), "equal to the bit"
    assert np.array_equal(values, kept, equal_nan=True)
