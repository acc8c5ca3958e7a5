"""Documents stay whole, and splits come near their shares."""

from collections import Counter

import numpy as np
import pytest

from lab.data.qa.question_rows import Reading
from lab.data.qa.splits import blocks, draw_blocks


def test_documents_that_share_a_context_are_one_block() -> None:
    reading = Reading(("x", "y", "y", "z", "w"), ("a", "a", "b", "c", "c"), ())
    assert blocks(reading) == [0, 0, 0, 1, 1]


@pytest.mark.parametrize("seed", range(5))
def test_splits_come_near_their_shares(seed: int) -> None:
    sizes = np.random.default_rng(seed).integers(5, 40, 60).tolist()
    result = draw_blocks(sizes, {"test": 0.2, "val": 0.1}, seed)
    held = Counter[str]()
    for split, size in zip(result, sizes, strict=True):
        held[split] += size
    assert held["test"] / sum(sizes) == pytest.approx(0.2, abs=0.05)
    assert held["val"] / sum(sizes) == pytest.approx(0.1, abs=0.05)
    assert draw_blocks(sizes, {"test": 0.2, "val": 0.1}, seed) == result
    assert draw_blocks(sizes, {"test": 0.2, "val": 0.1}, seed + 100) != result


@pytest.mark.parametrize("sizes", [[100, 1, 100], [1, 1, 1], [50, 60, 70]])
def test_every_split_gets_a_document(sizes: list[int]) -> None:
    assert set(draw_blocks(sizes, {"test": 0.1, "val": 0.1}, 0)) == {"train", "val", "test"}
