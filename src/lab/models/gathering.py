"""What several processes (DDP) have computed, as one process would have: the outputs of batches side by side, and sums.

Each process has an equal number of batches, of different rows. torchmetrics gathers the tensors: it pads them to one
shape and cuts them again. Nothing is pickled.
"""

from typing import Any, Protocol, TypeVar

import torch
from lightning_utilities.core.apply_func import apply_to_collection
from torch import Tensor
from torchmetrics.utilities.distributed import gather_all_tensors

T = TypeVar("T")


class MayBeFiller(Protocol):
    """A batch of `lab.core.batches`."""

    is_filler: bool

    def __len__(self) -> int: ...


def num_counted(batch: MayBeFiller) -> int:
    """The number of rows of a batch that count: none of a batch that only keeps its process in step with others."""
    return 0 if batch.is_filler else len(batch)


def of_all_processes(batches: list[T], device: torch.device) -> list[T]:
    """The outputs of each batch in every process, on the CPU; in a single process the same list.

    batches: collections of tensors, with the same structure and number in each process; device: of the model, where
    the processes can exchange tensors.
    """
    if not is_shared():
        return batches
    return [one for batch in batches for one in _of_each_process(batch, device)]


def is_shared() -> bool:
    """Whether this process computes together with others at present."""
    return torch.distributed.is_available() and torch.distributed.is_initialized()


class Sum(torch.autograd.Function):
    """The sum of a tensor over all processes, `Sum.apply(tensor)`; its gradient is the sum of theirs.

    torch has such a function, and calls it deprecated.
    """

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:  # noqa: ARG004  torch gives it
        return _summed(tensor)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ARG004
        return _summed(gradient)


def _summed(tensor: Tensor) -> Tensor:
    total = tensor.clone(memory_format=torch.contiguous_format)
    torch.distributed.all_reduce(total)
    return total


def _of_each_process(batch: T, device: torch.device) -> list[T]:
    gathered: list[list[Tensor]] = []

    def gather(tensor: Tensor) -> Tensor:
        gathered.append([part.cpu() for part in gather_all_tensors(tensor.to(device))])
        return tensor

    apply_to_collection(batch, Tensor, gather)
    results: list[T] = []
    for rank in range(torch.distributed.get_world_size()):
        parts = iter([parts[rank] for parts in gathered])
        results.append(apply_to_collection(batch, Tensor, lambda _, own=parts: next(own)))
    return results
