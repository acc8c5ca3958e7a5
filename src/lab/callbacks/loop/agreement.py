"""Decisions that all ranks of a run take together: each says yes or no, and all get the same answer.

A rank that stops or saves alone would leave the others waiting for it. A decision is one reduction of a number on the
CPU (gloo, also beside NCCL), so that no GPU is waited for. A run of one process decides for itself.
"""

from collections.abc import Sequence

import torch
from torch import distributed

from lab.models.gathering import is_shared


def is_first() -> bool:
    """Return whether this process is rank 0, or trains alone."""
    return not is_shared() or distributed.get_rank() == 0


def any_rank(*flags: bool) -> tuple[bool, ...]:
    """Return for each flag whether it is set in any rank. All ranks must call it at the same place."""
    if not is_shared():
        return flags
    votes = torch.tensor([int(flag) for flag in flags])
    distributed.all_reduce(votes, op=distributed.ReduceOp.MAX)
    return tuple(bool(vote) for vote in votes.tolist())


def words_of_first(words: str | None) -> str | None:
    """Return the words of the first rank that has any; None where no rank has.

    All ranks must call it at the same place.
    """
    if not is_shared():
        return words
    rank, size = distributed.get_rank(), distributed.get_world_size()
    first = torch.tensor([size if words is None else rank])
    distributed.all_reduce(first, op=distributed.ReduceOp.MIN)
    if int(first) == size:
        return None
    raw = torch.tensor(list((words or "").encode()), dtype=torch.uint8)
    length = torch.tensor([len(raw)])
    distributed.broadcast(length, int(first))
    text = raw if rank == int(first) else torch.empty(int(length), dtype=torch.uint8)
    distributed.broadcast(text, int(first))
    return bytes(text.tolist()).decode()


def summed(values: Sequence[float]) -> list[float]:
    """Return each value summed over the ranks. All ranks must call it at the same place."""
    if not is_shared():
        return list(values)
    totals = torch.tensor(list(values), dtype=torch.float64)
    distributed.all_reduce(totals)
    return [float(total) for total in totals.tolist()]
