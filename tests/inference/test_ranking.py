"""The best classes as cells, and scores over the rows whose labels are known."""

import torch

from lab.core.batches import MISSING, HeadSpec
from lab.inference.ranking import ClassCounts, class_fields, ranked_classes

HEAD = HeadSpec("cause", ("leak", "wear", "heat"), (5, 3, 2))
TABLE = torch.tensor([[0.2, 0.5, 0.3], [0.7, 0.1, 0.2]])


def test_the_best_classes_come_first_with_their_probabilities() -> None:
    assert ranked_classes(HEAD, TABLE, 2) == [("wear", 0.5, "heat", 0.3), ("leak", 0.7, "heat", 0.2)]


def test_offsets_change_the_order_and_no_probability() -> None:
    cells = ranked_classes(HEAD, TABLE, 2, (0.0, 0.0, 2.0))
    assert cells == [("heat", 0.3, "wear", 0.5), ("heat", 0.2, "leak", 0.7)]


def test_each_rank_has_two_columns() -> None:
    assert [field.name for field in class_fields("cause", 3)][2:] == [
        "cause_2", "cause_2_probability", "cause_3", "cause_3_probability"]  # fmt: skip
    assert [field.kind for field in class_fields("cause", 1)] == ["text", "number"]


def test_scores_are_of_rows_with_a_known_label() -> None:
    counts = ClassCounts([HEAD])
    assert counts.table() is None
    counts.add(0, TABLE.argmax(1), [MISSING, MISSING])
    assert counts.table() is None
    counts.add(0, TABLE.argmax(1), [1, 2])
    table = counts.table()
    assert table is not None
    assert table.title == "scores of 2 labelled rows"
    assert table.rows[0][:2] == ("cause", "0.500")
