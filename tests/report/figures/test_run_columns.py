"""Columns of the table of runs as figures read them: rows thinned, axes chosen, levels in order."""

import numpy as np
import pandas as pd
import pytest

from lab.report.figures.run_columns import level_names, needs_log_axis, thinned


def test_thinned_rows_keep_both_ends() -> None:
    assert thinned([3, 1, 2], 3) == [3, 1, 2]
    rows = thinned(range(1000), 10)
    assert len(rows) == 10
    assert (rows[0], rows[-1]) == (0, 999)
    assert rows == sorted(set(rows))


@pytest.mark.parametrize(
    ("values", "expected"),
    [([1e-6, 1e-2], True), ([0.5, 0.6], False), ([0.0, 1e6], False), ([-1.0, 1e6], False), ([], False),
     ([np.nan, 1e-6, np.inf, 1.0], True)],
)  # fmt: skip
def test_an_axis_is_logarithmic_for_positive_values_far_apart(values: list[float], expected: bool) -> None:
    assert needs_log_axis(np.array(values)) is expected


def test_levels_are_ordered_by_value_not_by_text() -> None:
    assert level_names(pd.Series([16, 8, 128, 8])) == ["8", "16", "128"]
    assert sorted(level_names(pd.Series(["b", 1, "a"], dtype=object))) == ["1", "a", "b"]
