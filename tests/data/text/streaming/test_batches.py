"""Batches from shards: every row once, another order in each epoch, and exact resume, ranks and workers."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lab.core.batches import FlatIds
from lab.core.errors import RunError
from lab.data.dataloader import Width
from lab.data.text.streaming import shards as shards_module
from lab.data.text.streaming.batches import Encoding, Plan, StreamLoader
from lab.data.text.streaming.scan import Stream
from tests.data.text.streaming.conftest import rows, write


class Numbers:
    """Reads the number of a text of `rows`, and one id per character behind it."""

    pad_id, vocabulary_size, longest, unit = 0, 1000, 40, "words"

    def encode_flat(self, texts: Sequence[str], max_length: int) -> FlatIds:
        return FlatIds.of([[1 + int(text.split("numero")[1])] + [1] * text.count("x") for text in texts])


ENCODING = Encoding(Numbers(), 40, 0, Width())  # type: ignore[arg-type]


def one(epoch: int) -> int:
    return 1


def two(epoch: int) -> int:
    return 2


PLAN = Plan(8, one, seed=3, shuffle_buffer=64)


def loader(stream: Stream, plan: Plan = PLAN, epoch: int = 0, num_workers: int = 0) -> StreamLoader:
    made = StreamLoader(stream, plan, ENCODING, num_workers, False)
    made.set_epoch(epoch)
    return made


def numbers(batches: Any) -> list[list[int]]:
    return [(batch.ids[:, 0] - 1).tolist() for batch in batches]


def test_every_training_row_is_read_once_in_another_order_each_epoch(stream: Stream) -> None:
    first, again, second = (numbers(loader(stream, epoch=epoch)) for epoch in (0, 0, 1))
    assert first == again
    flat = [number for batch in first for number in batch]
    assert len(flat) == len(set(flat)) == stream.num_train
    assert sorted(flat) == sorted(number for batch in second for number in batch)
    assert first != second
    assert flat[:64] != sorted(flat[:64])
    assert len(first) == len(loader(stream))
    assert all(len(batch) == 8 for batch in first[:-1])


def test_labels_are_those_of_the_rows(stream: Stream) -> None:
    every = rows(300)
    for batch in loader(stream):
        for place, number in enumerate((batch.ids[:, 0] - 1).tolist()):
            assert batch.labels["mode"][place] == number % 3
            cause = every[number]["cause"]
            assert batch.labels["cause"][place] == (-100 if cause == "nan" else int(cause[1]))


@pytest.mark.parametrize("accumulation", [one, two])
@pytest.mark.parametrize("start", [0, 1, 8, 9, 17, 24])
def test_an_epoch_resumes_at_any_batch(stream: Stream, start: int, accumulation: Any) -> None:
    plan = replace(PLAN, accumulation=accumulation)
    whole = list(loader(stream, plan, epoch=2))
    resumed = loader(stream, plan, epoch=2)
    resumed.load_state_dict({"epoch": 2, "batches": start})
    rest = list(resumed)
    assert numbers(rest) == numbers(whole[start:])
    for old, new in zip(whole[start:], rest, strict=True):
        assert torch.equal(old.window_counts["mode"], new.window_counts["mode"])
    assert resumed.state_dict() == {"epoch": 2, "batches": len(whole)}
    assert numbers(resumed) == numbers(whole), "the next pass begins at the beginning"


def test_processes_share_each_batch(stream: Stream) -> None:
    whole = numbers(loader(stream))
    parts = [numbers(loader(stream, replace(PLAN, rank=rank, num_ranks=3))) for rank in range(3)]
    for place, batch in enumerate(whole[:-1]):
        assert [parts[rank][place] for rank in range(3)] == [batch[rank::3] for rank in range(3)]
    assert {len(part) for part in parts} == {len(whole)}


def test_workers_give_the_same_batches(stream: Stream) -> None:
    resumed = loader(stream, num_workers=2)
    resumed.load_state_dict({"epoch": 0, "batches": 3})
    assert numbers(resumed) == numbers(loader(stream))[3:]


def test_a_limit_ends_the_epoch_and_its_last_step(stream: Stream) -> None:
    plan = replace(PLAN, accumulation=two, limit=5)
    batches = list(loader(stream, plan))
    assert len(batches) == len(loader(stream, plan)) == 5
    assert [int(batch.window_counts["mode"].sum()) for batch in batches] == [16, 16, 16, 16, 8]


def test_overfitted_batches_are_the_same_in_each_epoch(stream: Stream) -> None:
    plan = replace(PLAN, repeats=True, limit=2)
    assert numbers(loader(stream, plan, epoch=0)) == numbers(loader(stream, plan, epoch=4))


def test_rows_of_a_step_have_similar_lengths(stream: Stream) -> None:
    spreads = [np.ptp(batch.mask.sum(1).numpy()) for batch in loader(stream)]
    assert np.mean(spreads) < 4


def test_a_shard_that_changes_during_the_run_is_named(stream: Stream, shards: Path) -> None:
    write(shards / "b.jsonl", [*rows(39), {"text": "y numero1", "mode": "m1", "cause": "c9"}])
    with pytest.raises(RunError, match=r"b\.jsonl has changed since the run began"):
        list(loader(stream))


def test_blocks_smaller_and_larger_than_the_buffer(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shards_module.BLOCK_LINES > 64
    for size in (8, 1000):
        flat = [number for batch in numbers(loader(stream, replace(PLAN, shuffle_buffer=size))) for number in batch]
        assert sorted(flat) == sorted(set(flat))
        assert len(flat) == stream.num_train
