"""A process alone decides for itself; two processes decide together."""

from datetime import timedelta
from pathlib import Path

import torch
from torch import distributed, multiprocessing

from lab.callbacks.loop.agreement import any_rank, is_shared, summed


def test_a_process_alone_decides_for_itself() -> None:
    assert not is_shared()
    assert any_rank(True, False) == (True, False)
    assert summed([1.5, 2.0]) == [1.5, 2.0]


def vote(rank: int, folder: Path) -> None:
    store = distributed.FileStore(str(folder / "store"), 2)
    distributed.init_process_group("gloo", store=store, rank=rank, world_size=2, timeout=timedelta(seconds=30))
    answers = any_rank(rank == 1, False, True), summed([1.0, float(rank)])
    torch.save(answers, folder / f"{rank}.pt")
    distributed.destroy_process_group()


def test_two_processes_get_the_same_answers(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    ranks = [context.Process(target=vote, args=(rank, tmp_path)) for rank in range(2)]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join()
    for rank in range(2):
        assert torch.load(tmp_path / f"{rank}.pt") == ((True, False, True), [2.0, 1.0])
