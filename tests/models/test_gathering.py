"""Outputs of batches in a process alone and in a group; tests/distributed has groups of several processes."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from lab.models.gathering import num_counted, of_all_processes

CPU = torch.device("cpu")


@pytest.fixture
def group() -> Iterator[None]:
    """A group of this process alone."""
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def outputs() -> list[Any]:
    return [(torch.tensor([4, 2]), [torch.rand(2, 3)], {"causa": torch.tensor([0, 1])}), (torch.zeros(0), [], {})]


def test_a_process_alone_keeps_its_list() -> None:
    batches = outputs()
    assert of_all_processes(batches, CPU) is batches


@pytest.mark.usefixtures("group")
def test_structure_and_values_of_each_batch_are_kept() -> None:
    batches = outputs()
    rows, (table,), labels = of_all_processes(batches, CPU)[0]
    assert rows.tolist() == [4, 2]
    assert torch.equal(table, batches[0][1][0])
    assert labels["causa"].tolist() == [0, 1]
    empty, tables, labels = of_all_processes(batches, CPU)[1]
    assert (empty.shape, tables, labels) == ((0,), [], {})


def test_no_row_of_a_filler_counts() -> None:
    batch: Any = SimpleNamespace(is_filler=True, __len__=lambda _: 1)
    assert num_counted(batch) == 0
