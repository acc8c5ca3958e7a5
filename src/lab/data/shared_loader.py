"""The part of another's DataLoader for one of several processes (DDP): every n-th row in the order of its own sampler.

Lightning's samplers do the work. All processes draw the same order, so that their batches together are those of one
process, before rows are repeated: training gives each process as many rows as the others, as Lightning does, by
repeating some at the end of an epoch. An evaluation reads each row once, unless a process would get no last batch.
"""

import logging
from typing import Any

from lightning.fabric.utilities.distributed import DistributedSamplerWrapper
from lightning.pytorch.overrides.distributed import UnrepeatedDistributedSamplerWrapper
from lightning.pytorch.utilities.data import _update_dataloader
from torch.utils.data import DataLoader, DistributedSampler, IterableDataset

log = logging.getLogger(__name__)


def of_rank(loader: Any, rank: int, num_ranks: int, trains: bool) -> Any:
    """The loader for process `rank` of `num_ranks`. trains: its rows are trained on.

    A loader that shares its rows itself stays: one that is no DataLoader, that reads an iterable data set or that has a
    DistributedSampler.
    """
    if num_ranks == 1 or not isinstance(loader, DataLoader) or isinstance(loader.dataset, IterableDataset):
        return loader
    sampler = getattr(loader.batch_sampler, "sampler", loader.sampler)
    if isinstance(sampler, DistributedSampler):
        return loader
    unequal = _repeats(loader, num_ranks)
    if unequal and not trains:
        log.warning(
            "evaluation: some of the %d processes have no row of the last batch; these repeat one, which counts twice",
            num_ranks,
        )  # fmt: skip
    kind: Any = DistributedSamplerWrapper if trains or unequal else UnrepeatedDistributedSamplerWrapper
    return _update_dataloader(loader, kind(sampler, num_replicas=num_ranks, rank=rank, shuffle=False))


def _repeats(loader: "DataLoader[Any]", num_ranks: int) -> bool:
    """Whether rows must be repeated for all processes to have equally many batches, which DDP needs."""
    size = getattr(loader.batch_sampler, "batch_size", None) or 1
    num_rows = len(loader.sampler)  # type: ignore[arg-type]  # every sampler of a DataLoader has a length, or its own error
    most, least = -(-num_rows // num_ranks), num_rows // num_ranks
    return -(-most // size) != -(-least // size)
