"""The usable rows of a batch, and the split of each."""

import numpy as np
import pyarrow as pa

from lab.data.label_encoder import LabelEncoder
from lab.data.text.streaming.selection import Selected, Shares, split_of, usable
from tests.data.text.streaming.conftest import COLUMNS

CELLS = {
    "text": pa.array(["Fuga de  aceite", "nan", "fuga dé aceite", "ruido"]),
    "mode": pa.array(["a", "a", "", "b"]),
    "cause": pa.array([None, "x", "x", "y"]),
}


def encoders() -> dict[str, LabelEncoder]:
    return {"mode": LabelEncoder(), "cause": LabelEncoder()}


def test_rows_without_text_are_left_out_and_labels_encoded() -> None:
    rows = usable(CELLS, COLUMNS, encoders(), placed=True)
    assert rows.texts.to_pylist() == ["Fuga de  aceite", "fuga dé aceite", "ruido"]
    assert rows.labels["mode"].tolist() == [0, -100, 1]
    assert rows.labels["cause"].tolist() == [-100, 0, 1]
    assert rows.places is not None
    assert rows.places[0] == rows.places[1] != rows.places[2]
    assert rows.cells == {}
    assert usable(CELLS, COLUMNS, encoders(), placed=False).places is None


def test_cells_stay_beside_their_texts() -> None:
    rows = usable(CELLS, COLUMNS, encoders(), placed=True, with_cells=True).slice(1, 3)
    assert rows.cells["cause"].to_pylist() == ["x", "y"]
    assert rows.labels["cause"].tolist() == [0, 1]


def test_places_divide_texts_by_the_shares() -> None:
    rows = Selected(pa.array(["a"] * 5), {}, {}, np.array([0.0, 0.15, 0.31, 0.6, 0.95]))
    assert split_of(rows, Shares(val=0.2, test=0.1, sample=0.1)).tolist() == [2, 1, 0, 0, 3]
    assert split_of(rows, Shares(val=0.0, test=0.0, sample=1.0)).tolist() == [3] * 5
