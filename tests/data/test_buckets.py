import numpy as np
import pytest

from lab.data.buckets import EvalDraws, TrainDraws, windows

LENGTHS = np.random.default_rng(0).integers(4, 60, size=1003).astype(np.int32)


@pytest.mark.parametrize("size", [1, 16, 64, 1003, 5000])
def test_every_row_comes_once_and_only_the_last_window_is_short(size: int) -> None:
    drawn = windows(LENGTHS, size, seed=1, epoch=0)
    assert sorted(np.concatenate(drawn).tolist()) == list(range(len(LENGTHS)))
    assert {len(window) for window in drawn[:-1]} <= {size}
    assert 0 < len(drawn[-1]) <= size


def test_same_seed_and_epoch_same_windows_another_epoch_others() -> None:
    first, again, other = (windows(LENGTHS, 16, seed=1, epoch=epoch) for epoch in (3, 3, 4))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert any((a != b).any() for a, b in zip(first, other, strict=True) if len(a) == len(b))


def test_rows_of_like_length_share_a_batch() -> None:
    def padding(batches: list[np.ndarray]) -> float:
        cells = sum(len(batch) * LENGTHS[batch].max() for batch in batches)
        return 1 - LENGTHS.sum() / cells

    random = np.random.default_rng(0).permutation(len(LENGTHS))
    unsorted = [random[start : start + 16] for start in range(0, len(random), 16)]
    assert padding(windows(LENGTHS, 16, seed=0, epoch=0)) < padding(unsorted) / 3


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
