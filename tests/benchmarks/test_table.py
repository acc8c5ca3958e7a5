"""Spreads over repeats, and how they are shown."""

import importlib.util
from pathlib import Path

import pytest

FILE = Path(__file__).parents[2] / "benchmarks" / "table.py"


def test_a_spread_is_median_and_range_and_one_value_is_itself() -> None:
    spec = importlib.util.spec_from_file_location("table", FILE)
    assert spec is not None
    assert spec.loader is not None
    table = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(table)
    several = table.spread([3.0, 1.0, 1.5])
    assert several == {"median": 1.5, "min": 1.0, "max": 3.0, "repeats": 3}
    assert table.shown(several) == "1.50 (1.00-3.00)"
    assert table.shown(table.spread([0.125]), 3) == "0.125"
    with pytest.raises(ValueError, match="median"):
        table.spread([])
