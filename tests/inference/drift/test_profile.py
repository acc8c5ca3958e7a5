"""New rows are counted piece by piece, in the terms of the reference."""

import numpy as np

from lab.core.batches import MISSING
from lab.core.reference.content import Classes, Reference, seen_ids
from lab.inference.drift.profile import Profile


def made() -> Profile:
    reference = Reference({"cause": Classes(("leak", "wear"), np.array([3, 1]))})
    reference.add_numbers("characters/text", [3, 5], "characters")
    reference.add_numbers("unknown tokens", [0.0, 0.5], "share")
    reference.add_numbers("confidence/cause", [0.6, 0.9], "probability")
    reference.seen = seen_ids(np.array([1, 2]), 4)
    return Profile(reference)


def test_rows_are_counted_over_all_pieces() -> None:
    profile = made()
    for _ in range(2):
        profile.add_texts({"text": ["abc", None], "other": ["a", "b"]})
        profile.add_tokens([[1, 2], [3], []])
        profile.add_classes("cause", np.array([0, 1, 1]), np.array([0.7, 0.8, 0.9], np.float32), [0, MISSING, 1])
    text = profile.numbers["characters/text"]
    assert (text.num, text.missing) == (2, 2)
    assert profile.numbers["unknown tokens"].num == 4
    assert profile.predicted["cause"].tolist() == [2, 4]
    assert profile.labels["cause"].tolist() == [2, 2]
    assert profile.numbers["confidence/cause"].num == 6
    assert set(profile.numbers) == set(profile.reference.numbers)


def test_a_head_that_the_reference_does_not_have_is_ignored() -> None:
    profile = made()
    profile.add_classes("other", np.array([0]), np.array([1.0], np.float32), [0])
    profile.reference.seen = None
    profile.add_tokens([[1]])
    assert profile.numbers["unknown tokens"].num == 0
