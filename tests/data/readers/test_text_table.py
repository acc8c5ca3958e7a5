import math
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pytest

from lab.data.readers import text_table
from lab.data.readers.text_table import Table, as_text, holds_text


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (pa.array([3, None]), ["3", None]),
        (pa.array([3.0, 3.5, math.nan, None]), ["3", "3.5", None, None]),
        (pa.array([True, False]), ["true", "false"]),
        (pa.array(["a", None, "a"]).dictionary_encode(), ["a", None, "a"]),
        (pa.array(["a"], pa.large_string()), ["a"]),
        (pa.array([None, None]), [None, None]),
        (pa.chunked_array([["a"], ["b"]]), ["a", "b"]),
        (pa.chunked_array([], pa.int64()), []),
        (pa.array(["a"]).slice(1), []),
        (pa.array([3.0]).slice(1), []),
        (pa.array([[1]]).slice(1), []),
        (pa.array(["a"]).dictionary_encode().slice(1), []),
        (pa.chunked_array([pa.array(["a"]).slice(1), pa.array(["b"]).slice(1)]), []),
    ],
)
def test_every_type_leaves_as_text(values: object, text: list[str | None]) -> None:
    result = as_text(values)
    assert result.type == pa.string()
    assert result.to_pylist() == text


def test_class_indices_leave_as_names_and_minus_one_as_missing() -> None:
    assert as_text(pa.array([1, 0, -1, None]), ["neg", "pos"]).to_pylist() == ["pos", "neg", None, None]


def test_lists_are_no_text() -> None:
    assert not holds_text(pa.list_(pa.int64()))
    assert holds_text(pa.float64())


def test_batches_cover_every_row_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_table, "BATCH", 3)
    table = Table(pa.table({"n": list(range(7)), "m": list(range(7))})).narrow(["n"])
    assert [batch["n"].to_pylist() for batch in table.batches()] == [["0", "1", "2"], ["3", "4", "5"], ["6"]]


@pytest.mark.parametrize("kind", [pa.table, lambda columns: datasets.Dataset(pa.table(columns))])
def test_no_slice_is_read_where_no_row_is_left(monkeypatch: pytest.MonkeyPatch, kind: Any) -> None:
    monkeypatch.setattr(text_table, "BATCH", 3)
    table = Table(kind({"n": list(range(6))})).narrow(["n"])
    assert [batch["n"].to_pylist() for batch in table.batches()] == [["0", "1", "2"], ["3", "4", "5"]]
    assert list(table.batches(6)) == list(table.batches(2, 2)) == []
    assert table.read(slice(6, 6))["n"].to_pylist() == table.read(slice(2, 2))["n"].to_pylist() == []
    assert table.read(np.zeros(0, np.int64))["n"].to_pylist() == []


@pytest.mark.parametrize("rows", [[3, 5, 4], [0, 39], [2, 2], [], list(range(40))])
def test_rows_are_read_in_their_order_from_a_data_set_of_many_pieces(rows: list[int]) -> None:
    pieces = pa.chunked_array([[str(3 * start + n) for n in range(3)] for start in range(14)])
    whole = datasets.Dataset(pa.table({"n": pieces}))
    for data, first in ((whole, 0), (whole.select(range(1, 42)), 1), (whole.select([41, *range(41)]), None)):
        table = Table(data).narrow(["n"])
        expected = [str((41, *range(41))[row] if first is None else first + row) for row in rows]
        assert table.read(np.array(rows, np.int64))["n"].to_pylist() == expected
