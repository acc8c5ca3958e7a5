"""Cells of the comparison's table: what is not known is empty."""

import math

from lab.report.findings import Interval, Pair
from lab.report.output.csv_tables import comparison_row


def test_a_pair_is_a_row_without_its_sentence() -> None:
    pair = Pair("lr=1", "lr=2", 3, 0.5, Interval(0.25, 0.75), 0.01, 0.02, 1.5, True, ("apart", {}))  # type: ignore[arg-type]
    row = comparison_row(pair)
    assert (row["interval_low"], row["interval_high"], row["difference"]) == (0.25, 0.75, 0.5)
    assert "sentence" not in row


def test_what_is_not_known_is_empty() -> None:
    pair = Pair("lr=1", "lr=2", 1, 0.5, None, math.nan, math.nan, math.nan, False, ("few", {}))  # type: ignore[arg-type]
    row = comparison_row(pair)
    assert [row[name] for name in ("interval_low", "interval_high", "p", "p_holm", "effect")] == [""] * 5
