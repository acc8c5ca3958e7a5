"""Largest useful batch size by doubling, before training: forward and backward of the longest rows, until it breaks.

On a GPU memory is the limit and the last size that fits is taken. On a CPU it rarely is, and a process that asks for
too much is killed rather than told: there the search also ends when a doubling brings less than 5 % more rows per
second, or would take most of the memory still free. Model, gradients and random numbers are put back.
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
from lab.training.lr_finder import restored_afterwards

SMALLEST_GAIN = 0.05
FREE_SHARE = 0.8
REPEATS = 2
"""Timed passes of each size after one to warm up; the fastest counts."""
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


@dataclass(frozen=True)
class SizeTrial:
    """One size tried; samples_per_s None: it did not fit."""

    size: int
    samples_per_s: float | None


@dataclass(frozen=True)
class BatchSearch:
    """The size to use, why the search ended there, and all sizes tried in order."""

    size: int
    reason: str
    table: tuple[SizeTrial, ...]


def decide(table: Sequence[SizeTrial], max_size: int, by_speed: bool) -> tuple[int | None, str]:
    """(size, why) when the sizes tried so far settle it, else (None, ""). `by_speed`: gains below 5 % end the search.

    Raises RunError when not even the first size fitted.
    """
    last = table[-1]
    if last.samples_per_s is None:
        if len(table) == 1:
            smaller = f"data.batch_size={max(1, last.size // 2)}" if last.size > 1 else "a shorter data.max_length"
            raise RunError(f"not even a batch of {last.size} fits into memory\n    try: {smaller}", "oom")
        return table[-2].size, f"a batch of {last.size} does not fit into memory"
    if by_speed and len(table) > 1:
        before = table[-2]
        gain = last.samples_per_s / (before.samples_per_s or last.samples_per_s) - 1.0
        if gain < SMALLEST_GAIN:
            return before.size, f"a batch of {last.size} makes {100 * gain:+.0f} % rows per second"
    if last.size * 2 > max_size:
        return last.size, f"twice as many is above callbacks.batch_finder.max_batch_size={max_size}"
    return None, ""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch or Python ran out of memory, on either kind of device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in OUT_OF_MEMORY)


def peak_rss_gib() -> float:
    """The most memory this process has ever held, GiB: sees peaks within a backward pass, and never falls."""
    if sys.platform == "win32":
        return float(psutil.Process().memory_info().peak_wset) / GIB
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / GIB


def rss_gib() -> float:
    """The memory this process holds now, GiB; with glibc's malloc told to keep what is freed, about its peak since."""
    return float(psutil.Process().memory_info().rss) / GIB


def _give_back() -> None:
    """Memory that was freed before, as by reading the data, would hide what a batch takes."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)


def find(
    model: nn.Module,
    loss: Callable[[Any], Tensor],
    make_batch: Callable[[int], Any],
    start: int,
    max_size: int,
) -> BatchSearch:
    """Double from `start` up to `max_size` rows.

    model: frozen and in train mode as it will train; make_batch: a batch of so many of the longest rows, on the
    model's device; loss: scalar training loss of a batch through `model`.
    AdamW's two buffers per weight are held meanwhile, so that the size found also fits once training has begun.
    Raises RunError of kind "oom" when `start` does not fit.
    """
    device = next(model.parameters()).device
    by_speed = device.type == "cpu"
    table: list[SizeTrial] = []
    with restored_afterwards(model):
        training = [weight for weight in model.parameters() if weight.requires_grad]
        reserved = [torch.ones_like(weight) for weight in training for _ in range(2)]  # written to: else they take none
        size: int | None = None
        _give_back()
        start_gib = rss_gib()
        while size is None:
            before_gib = peak_rss_gib()
            table.append(_try(model, loss, make_batch, start << len(table), device))
            size, reason = decide(table, max_size, by_speed)
            more_gib = max(2 * (peak_rss_gib() - before_gib), rss_gib() - start_gib)  # twice as many rows need, about
            if size is None and by_speed and more_gib > FREE_SHARE * psutil.virtual_memory().available / GIB:
                size, reason = table[-1].size, "twice as many would take most of the memory that is free"
        del reserved
    return BatchSearch(size, reason, tuple(table))


def _try(
    model: nn.Module, loss: Callable[[Any], Tensor], make_batch: Callable[[int], Any], size: int, device: torch.device
) -> SizeTrial:
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
