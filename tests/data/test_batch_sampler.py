import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lab.data.batch_sampler import POOL, EvalDraws, TrainDraws, batch_ends, rounded_lengths, windows
from lab.data.text.corpus import load

LENGTHS = np.random.default_rng(0).integers(4, 60, size=1003).astype(np.int32)


@pytest.mark.parametrize("size", [1, 16, 64, 1003, 5000])
def test_every_row_comes_once_and_only_the_last_window_is_short(size: int) -> None:
    drawn = list(windows(LENGTHS, size, seed=1, epoch=0))
    assert sorted(np.concatenate(drawn).tolist()) == list(range(len(LENGTHS)))
    assert {len(window) for window in drawn[:-1]} <= {size}
    assert 0 < len(drawn[-1]) <= size


def test_same_seed_and_epoch_same_windows_another_epoch_others() -> None:
    first, again, other = (list(windows(LENGTHS, 16, seed=1, epoch=epoch)) for epoch in (3, 3, 4))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert any((a != b).any() for a, b in zip(first, other, strict=True) if len(a) == len(b))


def test_an_epoch_of_a_long_table_keeps_four_bytes_a_row() -> None:
    num_rows = 2_000_000
    lengths = np.broadcast_to(np.int32(96), num_rows)
    tracemalloc.start()
    try:
        for _ in windows(lengths, 4096, seed=0, epoch=0):
            pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    pool = POOL * 4096
    assert peak < 4 * num_rows + 64 * pool


def test_rows_of_like_length_share_a_batch() -> None:
    def padding(batches: list[np.ndarray]) -> float:
        cells = sum(len(batch) * LENGTHS[batch].max() for batch in batches)
        return 1 - LENGTHS.sum() / cells

    random = np.random.default_rng(0).permutation(len(LENGTHS))
    unsorted = [random[start : start + 16] for start in range(0, len(random), 16)]
    assert padding(list(windows(LENGTHS, 16, seed=0, epoch=0))) < padding(unsorted) / 3


def test_four_by_four_draws_the_rows_of_one_batch_of_sixteen() -> None:
    whole = list(TrainDraws(LENGTHS, 16, lambda epoch: 1, seed=5))
    parts = list(TrainDraws(LENGTHS, 4, lambda epoch: 4, seed=5))
    for index, one in enumerate(whole):
        quarter = parts[4 * index : 4 * index + 4]
        assert np.concatenate([part.rows for part in quarter]).tolist() == one.rows.tolist()
        assert all(part.window.tolist() == one.rows.tolist() for part in quarter)
    assert len(parts) == len(TrainDraws(LENGTHS, 4, lambda epoch: 4, seed=5))


def test_accumulation_follows_the_epoch() -> None:
    draws = TrainDraws(LENGTHS, 8, lambda epoch: 8 if epoch == 0 else 2, seed=0)
    assert len(next(iter(draws)).window) == 64
    draws.set_epoch(1)
    assert len(next(iter(draws)).window) == 16


def test_evaluation_takes_the_longest_first_and_every_row_once() -> None:
    batches = [draw.rows for draw in EvalDraws(LENGTHS, 100)]
    tops = [LENGTHS[batch].max() for batch in batches]
    assert tops == sorted(tops, reverse=True)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(LENGTHS)))


@pytest.mark.parametrize("max_tokens", [60, 100, 512, 100_000])
def test_a_budget_of_tokens_holds_in_every_epoch_with_as_many_batches(max_tokens: int) -> None:
    draws = TrainDraws(LENGTHS, 16, lambda epoch: 1, seed=0, max_tokens=max_tokens)
    seen = []
    for epoch in (0, 1):
        draws.set_epoch(epoch)
        batches = [draw.rows for draw in draws]
        assert len(batches) == len(draws)
        assert all(len(rows) * LENGTHS[rows].max() <= max_tokens and len(rows) <= 16 for rows in batches)
        assert sorted(np.concatenate(batches).tolist()) == list(range(len(LENGTHS)))
        seen.append({frozenset(rows.tolist()) for rows in batches if len(rows) > 2})
    assert len(seen[0] & seen[1]) < len(seen[0]) / 10, "who meets whom changes from epoch to epoch"


def test_a_budget_wastes_little() -> None:
    draws = TrainDraws(LENGTHS, 64, lambda epoch: 1, seed=0, max_tokens=512)
    cells = sum(len(draw.rows) * int(LENGTHS[draw.rows].max()) for draw in draws)
    assert 1 - LENGTHS.sum() / cells < 0.05
    assert cells / len(draws) > 0.8 * 512, "batches are filled"


def test_under_a_budget_a_window_is_its_micro_batches() -> None:
    draws = list(TrainDraws(LENGTHS, 16, lambda epoch: 3, seed=0, max_tokens=300))
    for first in range(0, len(draws), 3):
        group = draws[first : first + 3]
        together = np.concatenate([draw.rows for draw in group]).tolist()
        assert all(draw.window.tolist() == together for draw in group)


def test_rounding_never_shortens_and_adds_little() -> None:
    lengths = np.arange(1, 513).astype(np.int32)
    assert (rounded_lengths(lengths) >= lengths).all()
    assert (rounded_lengths(lengths) / lengths).max() < 1 + 1 / 16
    assert batch_ends(np.array([700], np.int32), 4, 512).tolist() == [0, 1], "alone, where it does not fit"


@pytest.mark.parametrize("num_ranks", [2, 3])
def test_processes_split_each_batch_of_one_process_between_them(num_ranks: int) -> None:
    def draws(rank: int, of: int) -> list[Any]:
        return list(TrainDraws(LENGTHS, 12 // of, lambda epoch: 2, 0, None, rank, of))

    shares = [draws(rank, num_ranks) for rank in range(num_ranks)]
    for whole, *parts in zip(draws(0, 1), *shares, strict=True):
        assert sorted(np.concatenate([part.rows for part in parts]).tolist()) == sorted(whole.rows.tolist())
        assert all(part.window.tolist() == whole.window.tolist() for part in parts), "losses are parts of one step"
        sizes = [len(part.rows) for part in parts]
        assert max(sizes) - min(sizes) <= 1


def test_processes_share_batches_of_tokens_within_the_budget_of_each() -> None:
    shares = [list(TrainDraws(LENGTHS, 16, lambda epoch: 2, 0, 300, rank, 2)) for rank in range(2)]
    assert sorted(np.concatenate([draw.rows for draws in shares for draw in draws]).tolist()) == list(
        range(len(LENGTHS))
    )
    for draw in (draw for draws in shares for draw in draws):
        assert len(draw.rows) <= 16
        assert len(draw.rows) == 1 or len(draw.rows) * LENGTHS[draw.rows].max() <= 300


@pytest.mark.parametrize("draws", [TrainDraws, EvalDraws])
def test_a_process_without_a_row_of_the_last_batch_gets_one_that_counts_for_nothing(draws: Any) -> None:
    more = {"accumulation": lambda _: 1, "seed": 0} if draws is TrainDraws else {}
    first, second = (list(draws(LENGTHS[:9], 4, rank=rank, num_ranks=2, **more)) for rank in range(2))
    assert [len(draw.rows) for draw in first] == [len(draw.rows) for draw in second] == [4, 1]
    assert [draw.is_filler for draw in first + second] == [False, False, False, True]
    counted = [row for draw in first + second if not draw.is_filler for row in draw.rows.tolist()]
    assert sorted(counted) == list(range(9))


@pytest.mark.parametrize("max_tokens", [None, 1024])
def test_default_data_are_padded_by_less_than_a_twentieth(
    max_tokens: int | None, data_request: Callable[..., Any], tmp_path: Path
) -> None:
    rows = load(data_request("maintenance", num_rows=3000), tmp_path).splits["train"]
    lengths = np.array([len(text.split()) for batch in rows.texts.batches(500) for text in batch], np.int32)
    draws = TrainDraws(lengths, 32, lambda epoch: 1, seed=42, max_tokens=max_tokens)
    cells = sum(len(draw.rows) * int(lengths[draw.rows].max()) for draw in draws)
    assert 1 - lengths.sum() / cells < 0.05


def test_a_limit_keeps_the_first_batches_and_their_last_window_has_no_other_rows() -> None:
    whole, some = (TrainDraws(LENGTHS, 4, lambda _: 4, seed=0, limit=limit) for limit in (1.0, 6))
    kept, first = list(some), list(whole)[:6]
    assert len(some) == len(kept) == 6
    assert all((draw.rows == other.rows).all() for draw, other in zip(kept, first, strict=True))
    assert [len(draw.window) for draw in kept] == [16] * 4 + [8] * 2
    assert kept[5].window.tolist() == [*kept[4].rows, *kept[5].rows]
    tokens = TrainDraws(LENGTHS, 64, lambda _: 2, seed=0, max_tokens=500, limit=3)
    assert [len(draw.window) > len(draw.rows) for draw in tokens] == [True, True, False]


def test_repeated_epochs_have_the_same_batches() -> None:
    for options in ({}, {"max_tokens": 500}):
        draws = TrainDraws(LENGTHS, 16, lambda _: 1, seed=0, limit=3, repeats=True, **options)  # type: ignore[arg-type]
        first = [draw.rows.tolist() for draw in draws]
        draws.set_epoch(5)
        assert [draw.rows.tolist() for draw in draws] == first


def test_limited_evaluation_has_rows_of_all_lengths_the_same_each_time() -> None:
    draws = EvalDraws(LENGTHS, 10, 5)
    rows = [draw.rows.tolist() for draw in draws]
    assert [len(batch) for batch in rows] == [10] * 5 == [10] * len(draws)
    assert rows == [draw.rows.tolist() for draw in EvalDraws(LENGTHS, 10, 5)]
    lengths = LENGTHS[[row for batch in rows for row in batch]]
    assert (np.diff(lengths) <= 0).all(), "from the longest to the shortest"
    assert lengths.min() < 10 < 50 < lengths.max()
    assert [draw.rows.tolist() for draw in EvalDraws(LENGTHS, 10, 1.0)] == [
        draw.rows.tolist() for draw in EvalDraws(LENGTHS, 10)
    ]
