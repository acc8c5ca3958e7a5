import numpy as np
import pyarrow as pa

from lab.core.batches import MISSING
from lab.data.label_encoder import LabelEncoder
from lab.data.readers.text_table import Table
from lab.data.text.label_survey import Columns, hashed, masked_text, plain_text, survey

MARKERS = ("", "nan", "NA")


def _survey(table: dict[str, list[str | None]], **columns: object):  # type: ignore[no-untyped-def]
    wanted = Columns(**({"text": ("texto",), "labels": ("modo",), "missing": MARKERS} | columns))  # type: ignore[arg-type]
    encoders = {head: LabelEncoder() for head in wanted.labels}
    return survey(Table(pa.table({k: pa.array(v, pa.string()) for k, v in table.items()})), wanted, encoders), encoders


def test_one_group_is_one_group_however_its_accents_are_stored() -> None:
    groups: list[str | None] = ["v\u00e1lvula", "va\u0301lvula"]
    result, _ = _survey({"texto": ["a", "b"], "modo": ["A", "B"], "equipo": groups}, group="equipo")
    assert result.groups[0] == result.groups[1]


def test_markers_are_counted_and_useless_rows_left_out() -> None:
    table = {
        "texto": ["uno", " nan ", "tres", None, "cinco"],
        "modo": ["A", "A", "NA", "B", "B"],
        "causa": ["x", "x", "", "nan", None],
    }
    result, _ = _survey(table, labels=("modo", "causa"))
    assert result.rows.tolist() == [0, 4]
    assert result.missing == {"texto": 2, "modo": 1, "causa": 3}
    assert (result.no_text, result.no_label, result.num_rows) == (2, 1, 5)
    assert result.labels["causa"].tolist() == [0, MISSING]


def test_a_word_that_is_not_a_marker_of_the_request_stays() -> None:
    result, encoders = _survey({"texto": ["a", "b"], "modo": ["None", "nan"]}, missing=("",))
    assert encoders["modo"].names == ["None", "nan"]
    assert len(result) == 2


def test_plain_and_masked_texts() -> None:
    plain = plain_text(pa.array(["  Fuga  en ÁREA\tP-101A ñandú 12,5", "motor 3 V12"]))
    assert plain.to_pylist() == ["fuga en area p-101a nandu 12,5", "motor 3 v12"]
    assert masked_text(plain).to_pylist() == ["fuga en area # nandu #,#", "motor # #"]


def test_a_slice_without_rows_has_no_texts() -> None:
    """At the end of its buffer, in its middle, and of no buffer at all."""
    texts = pa.array(["Fuga 1", "ÁREA  2"])
    for empty in (texts.slice(2), texts.slice(1, 0), pa.array([], pa.string()), texts.filter(pa.array([False, False]))):
        plain = plain_text(empty)
        assert plain.to_pylist() == masked_text(plain).to_pylist() == []
        assert hashed(plain).tolist() == []


def test_hashes_tell_texts_apart_and_survive_batches() -> None:
    texts = [f"texto {i}" for i in range(9000)]
    result, _ = _survey({"texto": texts, "modo": ["A"] * 9000})
    assert np.array_equal(result.exact, hashed(pa.array(texts)))
    assert len(np.unique(result.exact)) == 9000
    assert len(np.unique(result.masked)) == 1
    assert result.rows.tolist() == list(range(9000))


def test_rows_without_a_group_are_groups_of_their_own() -> None:
    table = {"texto": ["a", "b", "c", "d"], "modo": ["A"] * 4, "equipo": ["P1", " P1", None, ""]}
    result, _ = _survey(table, group="equipo")
    assert result.groups[0] == result.groups[1]
    assert len(np.unique(result.groups)) == 3


def test_copies_of_a_label_in_a_text_column_are_counted() -> None:
    table = {"texto": ["a", "b", "c"], "clase": ["alta", "BAJA ", "x"], "modo": ["Alta", "baja", "media"]}
    result, _ = _survey(table, text=("texto", "clase"))
    assert result.copies == {("modo", "texto"): 0, ("modo", "clase"): 2}


def test_plain_text_of_mixed_rows_is_that_of_each_row_alone() -> None:
    cells = ["Válvula  P-1", "bomba", None, "a\tb", " dos ", "ÑANDÚ", "", "x\u00a0y"]
    alone = [plain_text(pa.array([cell], pa.string()))[0].as_py() for cell in cells]
    assert plain_text(pa.array(cells, pa.string())).to_pylist() == alone
    assert alone == ["valvula p-1", "bomba", None, "a b", "dos", "nandu", "", "x y"]
    assert plain_text(pa.array([None, None], pa.string())).to_pylist() == [None, None]
