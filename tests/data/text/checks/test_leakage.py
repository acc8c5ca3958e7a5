from typing import Any

import numpy as np
import pytest

from lab.config.schema import Leaks
from lab.core.batches import MISSING
from lab.data.text.checks.leakage import (
    Overlap,
    contradictions,
    num_repeated,
    overlap_mistake,
    overlaps,
    repeated,
    shared_groups,
)


def _config(**changes: Any) -> Leaks:
    values = {"action": "refuse", "duplicate_share": None, "token_share": 0.98, "token_support": 20}
    return Leaks.model_validate(values | changes)


def _hashes(*values: int) -> np.ndarray:
    return np.array(values, np.uint64)


def test_overlaps_count_rows_of_each_held_out_split() -> None:
    plain = {"train": _hashes(1, 2, 3), "val": _hashes(4, 5), "test": _hashes(3, 3, 6, 7)}
    masked = {"train": _hashes(1, 2, 3), "val": _hashes(1, 5), "test": _hashes(3, 3, 2, 7)}
    val, test, test_in_val = overlaps(plain, masked)
    assert (val.split, val.same, val.masked) == ("val", 0, 1)
    assert (test.split, test.same, test.masked, test.num_rows) == ("test", 2, 3, 4)
    assert test.facts()["masked_share"] == 0.75
    assert (test_in_val.name, test_in_val.same, test_in_val.masked) == ("test_in_val", 0, 0)


def test_test_rows_that_are_in_val_are_counted_and_refused() -> None:
    plain = {"train": _hashes(1, 2), "val": _hashes(3, 4), "test": _hashes(4, 3, 5)}
    result = overlaps(plain, plain)[-1]
    assert (result.same, result.num_rows) == (2, 3)
    mistake = overlap_mistake(result, True, _config())
    assert mistake is not None
    assert "2 of 3 test rows" in mistake.problem
    assert "a row of val" in mistake.problem


@pytest.mark.parametrize(
    ("same", "masked", "given", "share", "refused"),
    [
        (10, 10, True, None, False),
        (11, 11, True, None, True),
        (0, 30, True, None, False),
        (0, 31, True, None, True),
        (0, 100, False, None, False),  # drawn here: masked ones are reported, not refused
        (11, 11, False, None, True),
        (0, 5, True, 0.04, True),
        (0, 5, True, 0.05, False),
        (40, 40, True, 0.5, False),
    ],
)
def test_limits(same: int, masked: int, given: bool, share: float | None, refused: bool) -> None:
    mistake = overlap_mistake(Overlap("test", 100, same, masked), given, _config(duplicate_share=share))
    assert (mistake is not None) == refused
    if mistake:
        assert mistake.key == "data.leaks.duplicate_share"
        assert "data.leaks.action=warn" in mistake.remedy


def test_shared_groups_names_pairs() -> None:
    groups = {"train": _hashes(1, 2, 2), "val": _hashes(3), "test": _hashes(2, 1, 4)}
    assert shared_groups(groups) == {"train and test": 2}


def test_contradictions_ignore_missing_labels() -> None:
    texts = _hashes(1, 1, 2, 2, 3, 3, 3)
    labels = np.array([0, 1, 0, MISSING, 4, 4, 4])
    assert contradictions(texts, labels) == (1, 2)
    assert contradictions(texts, np.full(7, MISSING)) == (0, 0)


def test_repeated_counts_rows_beyond_the_first() -> None:
    assert num_repeated(_hashes(1, 1, 1, 2)) == 2


def test_rows_whose_text_occurs_again_are_found() -> None:
    assert repeated(_hashes(5, 1, 5, 2, 1, 5)).tolist() == [True, True, True, False, True, True]
    assert repeated(_hashes(7)).tolist() == [False]
    assert repeated(_hashes()).tolist() == []
