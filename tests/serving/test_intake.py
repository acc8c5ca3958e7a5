"""Cells of JSON as the columns of a table, and columns that a predictor reads."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lab.serving.intake import PlainIntake, _write_table


def test_rows_have_the_needed_columns_alone() -> None:
    prepared = PlainIntake(("title", "text")).prepare([{"text": "drips", "cause": "leak"}, {"title": 3, "text": None}])
    assert prepared.rows == [{"title": None, "text": "drips"}, {"title": 3, "text": None}]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([1, None, 2], [1, None, 2]),
        ([1, 2.5, None], [1.0, 2.5, None]),
        ([2**70, 1, 10**400], [float(2**70), 1.0, None]),
        (["a", None, 3, 2.0, True], ["a", None, "3", "2", "true"]),
        ([None, None], [None, None]),
        ([True, False], [1, 0]),
    ],
)
def test_a_column_of_numbers_has_numbers_and_any_other_has_text(
    cells: list[object], expected: list[object], tmp_path: Path
) -> None:
    _write_table(tmp_path / "rows.parquet", {"x": cells})
    assert pq.read_table(tmp_path / "rows.parquet").column("x").to_pylist() == expected
