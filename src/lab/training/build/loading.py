"""How batches are loaded for a device: page-locked memory, loader processes, and the width of padded batches.

None of it changes which rows a batch has. A batch of 32 texts or questions is made from memory-mapped tokens in less
than a millisecond, a batch of series in one to three milliseconds for each MB (LOG.md has the measurements).
"""

import torch

from lab.config.schema import Config, Data
from lab.core.batches import SeriesSpec, Spec
from lab.training.build.trainer import Hardware

LARGE_BATCH = 4 * 2**20
"""Bytes of a batch of series that takes about as long to make as a GPU needs for a step of a small net."""
MOST_WORKERS = 4
HALF = ("16-mixed", "bf16-mixed", "16-true", "bf16-true")
"""Precisions whose matrix products a GPU's tensor cores compute in tiles of eight numbers."""


def pinned(config: Config, where: Hardware) -> bool:
    """Whether batches are copied to page-locked memory."""
    requested = config.data.pin_memory if isinstance(config.data, Data) else False
    return where.accelerator == "gpu" if requested == "auto" else requested


def loader_processes(config: Data, spec: Spec, where: Hardware) -> int:
    """The number of processes that load batches.

    `auto`: none on a CPU, where these would take the cores from the training step; on a GPU none for tokens, which are
    memory-mapped, and up to `MOST_WORKERS`, half of this run's threads, for series in batches of `LARGE_BATCH` or more.
    """
    if config.num_workers != "auto":
        return config.num_workers
    if where.accelerator == "cpu" or not isinstance(spec, SeriesSpec):
        return 0
    num_bytes = 4 * config.batch_size * spec.length * len(spec.channels)
    return min(MOST_WORKERS, torch.get_num_threads() // 2) if num_bytes >= LARGE_BATCH else 0


def width_multiple(where: Hardware) -> int:
    """The number of tokens to whose multiples padded batches are padded: 8 in half precision on a GPU, else 1."""
    return 8 if where.accelerator == "gpu" and where.precision in HALF else 1
