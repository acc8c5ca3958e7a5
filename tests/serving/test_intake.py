"""Cells of JSON as the columns of a table, and columns that a predictor reads."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from lab.config.schema.commands.serve import ServeRequest
from lab.serving import intake
from lab.serving.intake import PlainIntake, _write_table
from lab.serving.loaded import Query, load

from .conftest import read_csv, write_weather


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


def test_a_table_has_the_needed_columns_alone_whatever_names_its_rows_invent(
    requested: Callable[..., ServeRequest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Mapping[str, Any]] = []

    def write(path: Path, columns: Mapping[str, Any]) -> None:
        written.append(columns)
        _write_table(path, columns)

    monkeypatch.setattr(intake, "_write_table", write)
    model = load(requested("series"))
    rows: list[dict[str, Any]] = list(read_csv(write_weather(tmp_path / "new.csv", hours=25)))
    invented = [row | {f"{number} {each}": 1 for each in range(9)} for number, row in enumerate(rows)]
    plain, more = model.answer([Query(rows), Query(invented)])
    assert plain == more
    assert [tuple(columns) for columns in written] == [model.intake.needed] * 2
