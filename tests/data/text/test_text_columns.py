import pickle

import numpy as np
import pyarrow as pa
import pytest

from lab.data.readers.text_table import Table
from lab.data.text.text_columns import ColumnTexts, join_columns


def _texts(rows: list[int], columns: tuple[str, ...] = ("a", "b")) -> ColumnTexts:
    table = Table(pa.table({"a": ["uno", "dos", None, "cuatro"], "b": ["x", "nan", "y", "z"], "c": list("1234")}))
    return ColumnTexts(table, columns, " | ", ("", "nan"), np.array(rows, np.int64))


def test_columns_are_joined_in_the_requested_order_without_missing_cells() -> None:
    assert list(_texts([0, 1, 2]).batches(2)) == [["uno | x", "dos"], ["y"]]
    assert _texts([0], ("b", "a"))[0] == "x | uno"


def test_a_row_of_missing_cells_alone_keeps_its_place() -> None:
    columns = [
        pa.array(["uno", None, None, "", None]),
        pa.array(["x", None, "y", "z", None]),
        pa.array([None] * 5, "string"),
    ]
    assert join_columns(columns, " | ").to_pylist() == ["uno | x", None, "y", " | z", None]
    assert join_columns(columns[1:], " | ").to_pylist() == ["x", None, "y", "z", None]
    chunked = [pa.chunked_array([column.slice(0, 2), column.slice(2)]) for column in columns]
    assert join_columns(chunked, " | ").to_pylist() == ["uno | x", None, "y", " | z", None]
    assert join_columns([column.slice(0, 0) for column in columns], " | ").to_pylist() == []


def test_rows_are_read_by_place() -> None:
    texts = _texts([1, 3])
    assert len(texts) == 2
    assert texts[-1] == "cuatro | z"
    assert texts.at(np.array([1]))[0] == "cuatro | z"
    with pytest.raises(IndexError):
        texts[2]


def test_texts_are_read_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[int] = []
    read = Table.read

    def counting(self: Table, rows: np.ndarray) -> object:
        reads.append(len(rows))
        return read(self, rows)

    monkeypatch.setattr(Table, "read", counting)
    batches = _texts([0, 1, 3]).batches(1)
    assert reads == []
    next(batches)
    assert reads == [1]


def test_texts_can_be_sent_to_loader_workers() -> None:
    assert pickle.loads(pickle.dumps(_texts([0, 3])))[1] == "cuatro | z"


@pytest.mark.parametrize("columns", [("a",), ("a", "b")])
def test_no_rows_have_no_texts(columns: tuple[str, ...]) -> None:
    texts = _texts([0, 1]).at(np.zeros(0, np.int64)) if columns == ("a", "b") else _texts([], columns)
    assert len(texts) == 0
    assert list(texts.batches(2)) == list(texts.cells(2)) == []
    assert texts._read(np.zeros(0, np.int64)) == []
