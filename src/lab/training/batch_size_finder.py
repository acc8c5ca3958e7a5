"""Largest useful batch size, searched before training: forward and backward passes of the longest rows, size doubled.

On a GPU the limit is memory, and the result is the last size that fits. On a CPU the system kills a process that uses
too much memory, so the search also ends when twice as many rows would take most of the free memory, or when a doubling
gives less than 5 % more rows per second. Model, gradients and random number generators are restored afterwards.
"""

import ctypes
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psutil
import torch
from torch import Tensor, nn

from lab.callbacks.resources import GIB
from lab.core.errors import RunError
from lab.training.faults.out_of_memory import is_out_of_memory
from lab.training.lr_finder import restored_afterwards

SMALLEST_GAIN = 0.05
FREE_SHARE = 0.8
REPEATS = 2
"""Timed passes of each size after one warm-up pass; the fastest counts."""


@dataclass(frozen=True)
class SizeTrial:
    """A batch size that was tried. samples_per_s: None if it did not fit into memory."""

    size: int
    samples_per_s: float | None


@dataclass(frozen=True)
class BatchSearch:
    """The size to use, why the search ended there, and all tried sizes in order."""

    size: int
    reason: str
    table: tuple[SizeTrial, ...]


def decide(table: Sequence[SizeTrial], max_size: int, by_speed: bool) -> tuple[int | None, str]:
    """(size, reason) if the tried sizes decide the search, else (None, "").

    by_speed: a gain below 5 % ends the search. Raises RunError if the first size does not fit.
    """
    last = table[-1]
    if last.samples_per_s is None:
        if len(table) == 1:
            smaller = f"data.batch_size={max(1, last.size // 2)}" if last.size > 1 else "a shorter data.max_length"
            raise RunError(f"not even a batch of {last.size} fits into memory\n    try: {smaller}", "oom")
        return table[-2].size, f"a batch of {last.size} does not fit into memory"
    if by_speed and len(table) > 1:
        previous = table[-2]
        gain = last.samples_per_s / (previous.samples_per_s or last.samples_per_s) - 1.0
        if gain < SMALLEST_GAIN:
            return previous.size, f"a batch of {last.size} gives {100 * gain:+.0f} % rows per second"
    if last.size * 2 > max_size:
        return last.size, f"twice as many is above callbacks.batch_finder.max_batch_size={max_size}"
    return None, ""


def peak_rss_gib() -> float:
    """The most memory that this process has used so far, GiB. It includes peaks within a backward pass."""
    if sys.platform == "win32":
        return float(psutil.Process().memory_info().peak_wset) / GIB
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / GIB


def rss_gib() -> float:
    """The memory that this process uses, GiB. While glibc keeps freed memory (`session`), it is close to the peak."""
    return float(psutil.Process().memory_info().rss) / GIB


def _release_freed_memory() -> None:
    """Return freed memory to the system, else memory that was freed after reading the data hides what a batch takes."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)


def find(
    model: nn.Module,
    loss: Callable[[Any], Tensor],
    make_batch: Callable[[int], Any],
    start: int,
    max_size: int,
) -> BatchSearch:
    """Double the batch size from `start` up to at most `max_size` rows.

    model: frozen and in train mode as in training; loss: scalar training loss of a batch; make_batch: a batch of the
    given number of longest rows, on the model's device. Two buffers per weight are allocated during the search, because
    AdamW needs them in training. Raises RunError of kind "oom" if `start` does not fit.
    """
    device = next(model.parameters()).device
    by_speed = device.type == "cpu"
    table: list[SizeTrial] = []
    with restored_afterwards(model):
        training = [weight for weight in model.parameters() if weight.requires_grad]
        # ones, because the system allocates memory only when it is written to
        reserved = [torch.ones_like(weight) for weight in training for _ in range(2)]
        size: int | None = None
        _release_freed_memory()
        start_gib = rss_gib()
        while size is None:
            peak_gib = peak_rss_gib()
            table.append(_try(model, loss, make_batch, start << len(table), device))
            size, reason = decide(table, max_size, by_speed)
            more_gib = max(2 * (peak_rss_gib() - peak_gib), rss_gib() - start_gib)  # estimate for twice as many rows
            if size is None and by_speed and more_gib > FREE_SHARE * psutil.virtual_memory().available / GIB:
                size, reason = table[-1].size, "twice as many would take most of the free memory"
        del reserved
    return BatchSearch(size, reason, tuple(table))


def _try(
    model: nn.Module, loss: Callable[[Any], Tensor], make_batch: Callable[[int], Any], size: int, device: torch.device
) -> SizeTrial:
    """Time the forward and backward pass of `size` rows."""
    fastest_s: float | None = None
    try:
        batch = make_batch(size)
        for attempt in range(REPEATS + 1):
            began = time.perf_counter()
            model.zero_grad(set_to_none=True)
            loss(batch).backward()  # type: ignore[no-untyped-call]
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            elapsed_s = time.perf_counter() - began
            if attempt > 0:
                fastest_s = elapsed_s if fastest_s is None else min(fastest_s, elapsed_s)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        fastest_s = None
    model.zero_grad(set_to_none=True)
    if device.type == "cuda":
        torch.cuda.empty_cache()
    return SizeTrial(size, None if fastest_s is None else size / fastest_s)
