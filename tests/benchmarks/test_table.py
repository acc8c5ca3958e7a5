"""Spreads over repeats, and how they are shown."""

import pytest

from benchmarks.harness import table


def test_a_spread_is_median_and_range_and_one_value_is_itself() -> None:
    several = table.spread([3.0, 1.0, 1.5])
    assert several == {"median": 1.5, "min": 1.0, "max": 3.0, "repeats": 3}
    assert table.shown(several) == "1.50 (1.00-3.00)"
    assert table.shown(table.spread([0.125]), 3) == "0.125"
    with pytest.raises(ValueError, match="median"):
        table.spread([])
