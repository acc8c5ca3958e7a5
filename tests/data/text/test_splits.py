import numpy as np

from lab.core.batches import MISSING
from lab.data.text.splits import lone_classes, missed_shares

SHARES = {"test": 0.1, "val": 0.1}


def test_a_split_near_its_share_needs_no_word() -> None:
    labels = {"modo": np.arange(300) % 5}
    assert missed_shares({"test": 24, "val": 36}, SHARES, labels, np.arange(300), "text") == ()
    assert missed_shares({"test": 1, "val": 2}, SHARES, {"modo": np.arange(10) % 2}, np.arange(10), "text") == ()


def test_classes_of_one_row_are_the_reason_where_there_are_such() -> None:
    labels = {"modo": np.arange(300), "prioridad": np.arange(300) % 3}
    lines = missed_shares({"test": 1, "val": 30}, SHARES, labels, np.arange(300), "text")
    assert lines == (
        "test: 1 row of 300, where data.split.test=0.1 asks for 30: "
        "classes of a single row stay in train (300 of modo)",
    )


def test_rows_that_stay_together_are_the_reason_otherwise() -> None:
    units = np.repeat([0, 1, 2], 100)
    (short, over) = missed_shares({"test": 10, "val": 100}, SHARES, {"modo": np.arange(300) % 3}, units, "group")
    assert short.startswith("test: 10 rows of 300, ")
    assert short.endswith("rows of one group stay together (the largest has 100)")
    assert over.startswith("val: 100 rows of 300, ")


def test_rows_without_a_label_are_no_class() -> None:
    assert lone_classes(np.array([MISSING, 0, 1, 1])) == 1
    assert lone_classes(np.array([MISSING])) == 0
