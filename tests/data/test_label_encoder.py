import pyarrow as pa

from lab.core.batches import MISSING
from lab.data.label_encoder import LabelEncoder, class_order


def test_classes_are_ordered_by_the_numbers_in_them() -> None:
    def ordered(names: list[str]) -> list[str]:
        return [names[place] for place in class_order(names)]

    assert ordered(["10", "9", "-1", "2.5"]) == ["-1", "2.5", "9", "10"]
    assert ordered(["causa 10", "causa 9", "Causa 1", "x"]) == ["Causa 1", "causa 9", "causa 10", "x"]
    assert ordered(["b", "3", "a"]) == ["3", "a", "b"]


def test_encoders_trim_keep_case_and_are_shared() -> None:
    encoder = LabelEncoder(["B"])
    assert encoder.encode(pa.array([" A", "A ", "a", None, "B"])).tolist() == [1, 1, 2, MISSING, 0]
    assert encoder.encode(pa.array(["a", "C"])).tolist() == [2, 3]
    assert encoder.names == ["B", "A", "a", "C"]


def test_one_word_is_one_class_however_its_accents_are_stored() -> None:
    encoder = LabelEncoder()
    composed, decomposed = "el\u00e9ctrico", "ele\u0301ctrico"
    assert encoder.encode(pa.array([composed, decomposed, None])).tolist() == [0, 0, MISSING]
    assert encoder.names == [composed]
