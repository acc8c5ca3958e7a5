"""Loaders of other data modules in one of several processes."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, DistributedSampler, IterableDataset, TensorDataset

from lab.data.shared_loader import of_rank


def rows(num: int) -> Any:
    return TensorDataset(torch.arange(num))


def batches(loader: Any) -> list[list[int]]:
    return [batch[0].tolist() for batch in loader]


def test_the_batches_of_two_processes_together_are_those_of_one() -> None:
    orders = []
    for rank in range(2):
        torch.manual_seed(3)
        orders.append(batches(of_rank(DataLoader(rows(12), batch_size=2, shuffle=True), rank, 2, trains=True)))
    torch.manual_seed(3)
    whole = batches(DataLoader(rows(12), batch_size=4, shuffle=True))
    assert [sorted(first + second) for first, second in zip(*orders, strict=True)] == [sorted(batch) for batch in whole]


def test_training_repeats_rows_and_an_evaluation_does_not() -> None:
    def number(num: int, trains: bool) -> list[int]:
        parts = [of_rank(DataLoader(rows(num), batch_size=4), rank, 2, trains) for rank in range(2)]
        return [sum(map(len, batches(part))) for part in parts]

    assert number(11, trains=True) == [6, 6]
    assert number(11, trains=False) == [6, 5]


def test_an_evaluation_that_leaves_a_process_without_a_batch_repeats_a_row(caplog: pytest.LogCaptureFixture) -> None:
    parts = [of_rank(DataLoader(rows(9), batch_size=4), rank, 2, trains=False) for rank in range(2)]
    assert [len(part) for part in parts] == [2, 2]
    assert "counts twice" in caplog.text


class Stream(IterableDataset[int]):
    def __iter__(self) -> Iterator[int]:
        return iter(range(4))


@pytest.mark.parametrize(
    "loader",
    [
        [1, 2],
        DataLoader(Stream()),
        DataLoader(rows(4), sampler=DistributedSampler(rows(4), num_replicas=2, rank=0)),
    ],
)
def test_a_loader_that_shares_its_rows_itself_stays(loader: Any) -> None:
    assert of_rank(loader, 0, 2, trains=True) is loader
    plain = DataLoader(rows(4))
    assert of_rank(plain, 0, 1, trains=True) is plain
