"""Batches from shards: every row once, another order in each epoch, and exact resume, ranks and workers."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lab.config.schema import Files
from lab.core.batches import FlatIds, TextBatch
from lab.core.errors import RunError
from lab.data.dataloader import Width
from lab.data.text.streaming import shards as shards_module
from lab.data.text.streaming.batches import Encoding, Plan, StreamLoader
from lab.data.text.streaming.scan import Stream, scan
from lab.data.text.streaming.shards import matching
from tests.data.text.streaming.conftest import COLUMNS, rows, write


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
    made = StreamLoader(stream, plan, ENCODING, num_workers, False, summed=lambda counts: counts)
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


def of_ranks(stream: Stream, plan: Plan, num: int, **options: Any) -> list[list[TextBatch]]:
    """The batches of each process, with the labels of its own rows in place of those of the whole window."""
    return [list(loader(stream, replace(plan, rank=rank, num_ranks=num), **options)) for rank in range(num)]


@pytest.mark.parametrize("num", [2, 3, 7])
@pytest.mark.parametrize("accumulation", [one, two])
def test_processes_read_stretches_of_their_own_in_equally_many_batches(
    stream: Stream, num: int, accumulation: Any
) -> None:
    plan = replace(PLAN, accumulation=accumulation, batch_size=4, shuffle_buffer=32)
    parts = of_ranks(stream, plan, num)
    expected = -(-stream.num_train // (4 * num))
    assert [len(part) for part in parts] == [expected] * num
    counted = [[number for batch in part if not batch.is_filler for number in numbers([batch])[0]] for part in parts]
    flat = [number for part in counted for number in part]
    assert len(flat) == len(set(flat)) == stream.num_train
    assert max(map(len, counted)) - min(map(len, counted)) <= 1
    windows = [sum(int(batch.window_counts["mode"].sum()) for batch in part[:: accumulation(0)]) for part in parts]
    assert windows == [len(part) for part in counted], "the windows of all processes have every row once"
    assert all(not batch.is_filler or (batch.labels["mode"] == -100).all() for part in parts for batch in part)


def test_a_process_without_a_row_for_the_last_batch_keeps_in_step(stream: Stream) -> None:
    num = next(num for num in range(2, 9) if stream.num_train % num)
    size = stream.num_train // num
    parts = of_ranks(stream, replace(PLAN, batch_size=size, shuffle_buffer=size), num)
    assert [part[1].is_filler for part in parts] == [rank >= stream.num_train % num for rank in range(num)]
    assert all(int(part[1].window_counts["mode"].sum()) == (not part[1].is_filler) for part in parts)
    resumed = loader(stream, replace(PLAN, batch_size=size, shuffle_buffer=size, rank=num - 1, num_ranks=num))
    resumed.load_state_dict({"epoch": 0, "batches": 1})
    assert [batch.is_filler for batch in resumed] == [True]


def test_more_processes_than_rows_are_in_step(stream: Stream) -> None:
    num = stream.num_train + 2
    parts = [list(loader(stream, replace(PLAN, rank=rank, num_ranks=num))) for rank in (0, num - 3, num - 1)]
    assert [[batch.is_filler for batch in part] for part in parts] == [[False], [False], [True]]


@pytest.mark.parametrize("start", [1, 7, 13])
def test_the_part_of_a_process_resumes_at_any_batch(stream: Stream, start: int) -> None:
    plan = replace(PLAN, rank=1, num_ranks=2, batch_size=4, accumulation=two, shuffle_buffer=32)
    whole = numbers(loader(stream, plan, epoch=2))
    resumed = loader(stream, plan, epoch=2)
    resumed.load_state_dict({"epoch": 2, "batches": start})
    assert numbers(resumed) == whole[start:]


def test_batches_of_one_step_have_similar_lengths_in_all_processes(stream: Stream) -> None:
    first, second = of_ranks(stream, replace(PLAN, batch_size=4), 2)
    widths = np.array([[batch.ids.shape[1] for batch in part] for part in (first, second)])
    assert np.corrcoef(widths)[0, 1] > 0.8


def test_the_loader_sums_the_labels_of_a_window(stream: Stream) -> None:
    def doubled(counts: Any) -> Any:
        return {name: 2 * each for name, each in counts.items()}

    plan = replace(PLAN, num_ranks=2)
    own, together = (next(iter(StreamLoader(stream, plan, ENCODING, 0, False, summed)))
                     for summed in (lambda counts: counts, doubled))  # fmt: skip
    assert torch.equal(together.window_counts["cause"], 2 * own.window_counts["cause"])


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


@pytest.mark.parametrize("without", ["text", "labels"])
@pytest.mark.parametrize("drawn", [True, False])
def test_blocks_of_which_no_row_is_left(
    shards: Path, settings: Callable[..., Files], tmp_path: Path, without: str, drawn: bool
) -> None:
    """The first, a middle and the last block have rows, all of them without a text or without a label."""
    changed = {"text": " nan "} if without == "text" else {"mode": "", "cause": None}
    unusable = [row | changed for row in rows(40)]
    for name in ("0.parquet", "a1.jsonl", "d.parquet"):
        write(shards / name, unusable)
    data = settings() if drawn else settings(val="val.csv", test="test.csv")
    found, tables = scan(matching(str(shards), "data.train"), COLUMNS, data, "data.train", tmp_path / "other")
    assert (found.num_rows, found.num_usable) == (420, 270)
    flat = [number for batch in numbers(loader(found)) for number in batch]
    assert len(flat) == len(set(flat)) == found.num_train
    assert all(len(table) for table in tables.values())
