"""The linear model of texts: how many rows it is fitted on, by what they cost."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from lab.config.schema import BaselinesConfig
from lab.core.batches import HeadSpec
from lab.training.baselines.texts import (
    FEW_ROWS,
    MOST_FITTED,
    MOST_FITTED_FEW,
    NGRAMS_PER_CHARACTER,
    affordable,
    evenly,
    units_per_row,
)

HEADS = (HeadSpec("cause", ("a", "b", "c"), (1, 1, 1)), HeadSpec("mode", ("x", "y"), (1, 1)))


class ListTexts(list[str]):
    """Texts in memory, with what the cost needs of `lab.data.text.corpus.Texts`."""

    def at(self, places: np.ndarray) -> "ListTexts":
        return ListTexts(self[place] for place in places)

    def batches(self, size: int) -> Iterator[list[str]]:
        yield from (self[start : start + size] for start in range(0, len(self), size))

    def cells(self, size: int) -> Iterator[dict[str, Any]]:
        raise AssertionError("the cost needs whole texts")


def test_a_row_costs_its_ngrams_times_the_classes() -> None:
    assert units_per_row(ListTexts(["abcd", "ab"]), HEADS) == NGRAMS_PER_CHARACTER * 3 * 5
    assert units_per_row(ListTexts(["abcd"] * 5000), HEADS) == NGRAMS_PER_CHARACTER * 4 * 5


def test_dear_rows_are_fewer_but_never_almost_none() -> None:
    config = BaselinesConfig(max_rows=50_000)
    assert affordable(config, 10.0).max_rows == 50_000
    assert affordable(config, MOST_FITTED / 20_000).max_rows == 20_000
    assert affordable(config, MOST_FITTED).max_rows == 1000
    assert affordable(BaselinesConfig(max_rows=100), MOST_FITTED).max_rows == 100


def test_of_few_rows_all_are_fitted_also_where_they_have_many_classes() -> None:
    """Reuters with 52 topics, 5,879 rows, was fitted on 2,345 of them, and `auto` was compared with that."""
    config = BaselinesConfig(max_rows=50_000)
    assert affordable(config, 91_000).max_rows > 5879
    assert affordable(config, MOST_FITTED_FEW / FEW_ROWS).max_rows == FEW_ROWS
    assert affordable(config, MOST_FITTED / 30_000).max_rows == 30_000


def test_many_validation_rows_are_represented_by_some_of_them() -> None:
    rows = np.arange(0, 1000, 2)
    assert evenly(rows, 500)[0] is rows
    assert evenly(rows, 500)[1] is None
    kept, note = evenly(rows, 50)
    assert (kept[0], kept[-1], len(set(kept.tolist()))) == (0, 998, 50)
    assert note == "chosen and validated on 50 of 500 validation rows"
