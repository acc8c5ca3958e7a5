"""Batches of tokens padded to their longest row, and a loader that continues within an epoch."""

from itertools import islice
from typing import Any, cast

import numpy as np

from lab.core.batches import MISSING, HeadSpec
from lab.data.batch_sampler import Draw, TrainDraws
from lab.data.dataloader import Loader, TokenRows, Width

TOKENS = [np.array(row, np.int32) for row in ([5], [6, 7, 8], [], [9, 9])]
LABELS = {"cause": np.array([0, 1, 1, MISSING])}
ROWS = TokenRows(cast(Any, TOKENS), LABELS, (HeadSpec("cause", ("a", "b"), (1, 2)),), pad_id=1)


def test_a_batch_is_padded_and_counts_the_labels_of_its_accumulation_window() -> None:
    batch = ROWS[Draw(np.array([0, 1]), np.array([0, 1, 2, 3]))]
    assert batch.ids.tolist() == [[5, 1, 1], [6, 7, 8]]
    assert batch.mask.tolist() == [[True, False, False], [True, True, True]]
    assert batch.labels["cause"].tolist() == [0, 1]
    assert batch.window_counts["cause"].tolist() == [1, 2], "a missing label counts for no class"
    assert batch.rows.tolist() == [0, 1]
    assert not batch.whole
    assert ROWS[Draw(np.array([1, 1]), np.array([1]))].whole, "no row is padded"
    assert not ROWS[Draw(np.array([2]), np.array([2]))].whole
    assert ROWS[Draw(np.array([2]), np.array([2]))].ids.tolist() == [[1]], "a text without tokens is one of padding"


def test_a_batch_with_padding_is_as_wide_as_a_multiple_and_one_without_stays() -> None:
    eights = Width(8, 12)
    assert [eights.of(np.array(lengths)) for lengths in ([3, 2], [9, 1], [13, 2], [8, 1], [5, 5], [0])] == [
        8, 12, 13, 8, 5, 0,
    ]  # fmt: skip
    assert Width().of(np.array([3, 2])) == 3
    rows = TokenRows(cast(Any, TOKENS), LABELS, ROWS.heads, 1, eights)
    batch = rows[Draw(np.array([0, 1]), np.array([0, 1]))]
    assert batch.ids.tolist() == [[5] + [1] * 7, [6, 7, 8] + [1] * 5]
    assert batch.mask.sum(1).tolist() == [1, 3]
    assert rows[Draw(np.array([1, 1]), np.array([1]))].ids.shape == (2, 3)


def test_a_loader_continues_within_its_epoch_and_starts_the_next_from_the_beginning() -> None:
    def loader() -> Loader:
        draws = TrainDraws(np.array([1, 3, 1, 2], np.int32), 1, lambda _: 1, seed=3)
        return Loader(ROWS, draws, 0, False, False)

    whole = [batch.rows.tolist() for batch in loader()]
    first = loader()
    begun = [batch.rows.tolist() for batch in islice(first, 3)]
    assert first.state_dict() == {"epoch": 0, "batches": 3}
    again = loader()
    again.load_state_dict(first.state_dict())
    assert begun + [batch.rows.tolist() for batch in again] == whole
    assert len(list(again)) == 4, "the next pass is whole"
