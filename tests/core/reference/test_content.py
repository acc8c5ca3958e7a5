"""A reference is written and read back; unknown tokens are those that no training text has."""

import json

import numpy as np
import pytest

from lab.core.record.reference_fields import reference_faults
from lab.core.reference import content
from lab.core.reference.content import Classes, Reference, seen_ids, unknown_shares, unknown_shares_of_rows


def made() -> Reference:
    reference = Reference({"cause": Classes(("leak", "wear"), np.array([3, 1]))})
    reference.predicted["cause"] = np.array([1, 1])
    reference.add_numbers("characters/text", [3, 5, np.nan], "characters")
    reference.seen = seen_ids(np.array([1, 9]), 10)
    return reference


def test_a_reference_is_read_back_unchanged() -> None:
    content = json.loads(json.dumps(made().fields()))
    assert list(reference_faults(content)) == []
    again = Reference.from_fields(content)
    assert again.fields() == content
    assert again.seen is not None
    assert np.flatnonzero(again.seen).tolist() == [1, 9]


def test_a_column_without_a_value_has_no_reference() -> None:
    reference = Reference()
    reference.add_numbers("characters/text", [np.nan], "characters")
    assert reference.numbers == {}


def test_unknown_tokens_are_those_that_no_training_text_has() -> None:
    seen = seen_ids(np.array([0, 2, 2, 3]), 5, never=[3])
    assert seen.tolist() == [True, False, True, False, False]
    ids, rows = np.array([0, 1, 2, 99]), np.array([0, 0, 1, 1])
    assert unknown_shares(ids, rows, 3, seen).tolist()[:2] == [0.5, 0.5]
    assert np.isnan(unknown_shares(ids, rows, 3, seen)[2])


@pytest.mark.parametrize("at_once", [1, 7, 1000])
def test_rows_side_by_side_have_the_same_shares(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(content, "AT_ONCE", at_once)
    random = np.random.default_rng(0)
    lengths = np.array([0, 3, 0, 12, 5, 0, 0, 40, 1, 0])
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    ids, seen = random.integers(0, 12, offsets[-1]).astype(np.int32), random.random(9) < 0.5
    expected = unknown_shares(ids, np.repeat(np.arange(len(lengths)), lengths), len(lengths), seen)
    assert np.array_equal(unknown_shares_of_rows(ids, offsets, seen), expected, equal_nan=True)
    nothing = unknown_shares_of_rows(ids[:0], np.zeros(3, np.int64), seen)
    assert np.isnan(nothing).tolist() == [True, True]
