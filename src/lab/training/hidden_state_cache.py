"""With `cache.hidden_states`, what the frozen layers make of each text or window is taken from disk or computed once.

The batches then bring those hidden states along, and only the layers above are run. Shared by epochs, evaluations, runs
and concurrent trials that agree on frozen weights, layers and precision, whatever else tells them apart.
"""

import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lab.callbacks.freeze import always_frozen
from lab.config.schema import Config
from lab.core.batches import Ids
from lab.core.errors import Mistake, RequestError
from lab.core.locks import exclusive
from lab.core.machine_faults import MachineRefusal
from lab.core.openmp import SHARED
from lab.data.cache.hidden_state_files import Dtype, Form
from lab.data.cache.hidden_states import Make, digest, obtain
from lab.data.cache.store import prune, taken_gib
from lab.data.dataloader import TokenRows
from lab.data.series.datamodule import SeriesRows
from lab.models.series.interfaces import Net
from lab.models.text.frozen_prefix import FrozenPrefix
from lab.models.text.interfaces import TextEncoder
from lab.training.build.trainer import Hardware
from lab.training.tasks.base import Material, apply_freezing

if TYPE_CHECKING:
    from lab.models.series.frozen_prefix import SeriesPrefix

log = logging.getLogger(__name__)

EVERY_S = 10.0
"""Between two lines of progress."""


@dataclass(frozen=True)
class StateSource:
    """What is to be kept: per row how many places it has and what names it; how states are made of rows.

    key: changes whenever a state would; unit: what a row is; shorter: what makes rows smaller.
    """

    key: str
    width: int
    lengths: npt.NDArray[np.int64]
    digests: list[bytes]
    make: Make
    unit: str
    shorter: str


def attach_hidden_states(config: Config, material: Material, where: Hardware, splits: Sequence[str]) -> dict[str, Any]:
    """Give the rows of `splits` their states, where asked; the model must hold the weights that it will train with.

    Gives the record's `cache`, empty without `cache.hidden_states`. Raises RequestError where the states would not be a
    fixed function of the texts, or would take more than `cache.max_gib`.
    """
    if not config.cache.hidden_states:
        return {}
    if material.cacheable_part is None:
        raise _refused(f"is not there for data of kind {config.data.kind}")
    encoder, rows = material.cacheable_part
    apply_freezing(config, material.model.to(where.device))
    started = time.monotonic()
    depth = always_frozen(config.callbacks.freeze.layers, config.callbacks.freeze.schedule)
    parts = [rows[split] for split in splits]
    try:
        work = _work(encoder, parts, depth, where)
    except ValueError as error:
        raise _refused(str(error)) from error
    dtype: Dtype = _dtype(config.cache.dtype, where.precision)
    form = Form(f"{work.key}-{dtype}", work.width, dtype)
    size = _refuse_excess(work, form, config.cache.max_gib)
    folder = Path(config.cache.dir).expanduser()

    def room(num_bytes: int) -> None:
        _make_room(folder, num_bytes / 2**30, config.cache.max_gib)

    def make(rows: npt.NDArray[np.int64]) -> Any:
        with _every_core(folder, config.trainer.threads):
            yield from work.make(rows)

    found = obtain(folder, form, work.digests, work.lengths, make, room)
    prune(folder, config.cache.max_gib)
    ends = list(accumulate(len(part) for part in parts))
    for part, end in zip(parts, ends, strict=True):
        part.states, part.depth = found.states.part(slice(end - len(part), end)), depth
    seconds = time.monotonic() - started
    log.info(
        "hidden states after layer %d of %d different %s: %d were there, %d computed; %.2f GiB in %s, %.1f s",
        depth, found.distinct, work.unit, found.hits, found.distinct - found.hits, size / 2**30, dtype, seconds,
    )  # fmt: skip
    about = {"layers": depth, "dtype": dtype, "key": form.key, "entries": found.distinct, "hits": found.hits}
    return about | {"bytes": size, "seconds": seconds}


def _make_room(folder: Path, new_gib: float, max_gib: float) -> None:
    """Raises RequestError where the disk cannot hold what is to be written; says where the limit will not hold."""
    if (free_gib := shutil.disk_usage(folder).free / 2**30) + taken_gib(folder) >= new_gib:
        prune(folder, max_gib - new_gib)
        free_gib = shutil.disk_usage(folder).free / 2**30
    if new_gib > free_gib:
        problem = f"{new_gib:.2f} GiB of states are to be written to {folder}, where {free_gib:.2f} GiB are free"
        raise MachineRefusal(
            Mistake("cache.dir", problem, "cache.dir=A_FOLDER_ON_ANOTHER_DISK, or cache.hidden_states=false")
        )
    if (whole := taken_gib(folder) + new_gib) > max_gib:
        log.warning(
            "%s will take %.2f GiB, more than cache.max_gib=%g: what is in use, or another user's, is not removed",
            folder, whole, max_gib,
        )  # fmt: skip


@contextmanager
def _every_core(folder: Path, limit: int | None) -> Iterator[None]:
    """In a sweep the trials that lack the same states wait for the one that makes them, which takes their cores.

    One at a time: of trials that make other states the rest keep to their own.
    """
    own, shared = torch.get_num_threads(), int(os.environ.get(SHARED, 1))
    if limit is not None or shared <= own:
        yield
        return
    with exclusive(folder / "states" / ".cores.lock") as free:
        torch.set_num_threads(shared if free else own)
        try:
            yield
        finally:
            torch.set_num_threads(own)


def _refused(problem: str) -> RequestError:
    return RequestError(Mistake("cache.hidden_states", problem, "cache.hidden_states=false", True))


def _dtype(asked: str, precision: str) -> Dtype:
    return "fp32" if asked == "fp32" or (asked == "auto" and precision == "32-true") else "bf16"


def _refuse_excess(work: StateSource, form: Form, max_gib: float) -> int:
    """Bytes that the states of all different rows take. Raises RequestError where the cache may not hold them."""
    size: int = sum(dict(zip(work.digests, work.lengths.tolist(), strict=True)).values()) * form.place_bytes
    if size > max_gib * 2**30:
        needed = size / 2**30
        problem = f"the states of these {work.unit} take {needed:.1f} GiB, and cache.max_gib={max_gib:g}"
        raise RequestError(
            Mistake("cache.hidden_states", problem, f"cache.max_gib={int(needed) + 1}, {work.shorter}, or false", True)
        )
    return size


def _work(encoder: TextEncoder | Net, parts: Sequence[Any], depth: int, where: Hardware) -> StateSource:
    """Raises ValueError where the states would not be a fixed function of a row."""
    if isinstance(encoder, Net):
        from lab.models.series.frozen_prefix import SeriesPrefix

        prefix = SeriesPrefix(encoder, depth, where.autocast)
        return _of_windows(prefix, parts)
    return _of_texts(FrozenPrefix(encoder, depth, where.autocast), parts)


def _of_texts(prefix: FrozenPrefix, parts: Sequence[TokenRows]) -> StateSource:
    lengths = np.concatenate([part.tokens.lengths for part in parts]).astype(np.int64)
    digests = [digest(part.tokens[row]) for part in parts for row in range(len(part))]
    at = _finder(parts)

    def ids(row: int) -> Ids:
        part, place = at(row)
        return parts[part].tokens[place]

    def make(rows: npt.NDArray[np.int64]) -> Any:
        told = _progress(len(rows), int(lengths[rows].sum()))
        for batch, states in prefix.states(ids, lengths, rows, parts[0].pad_id):
            yield batch, states
            told(len(batch), len(states))

    return StateSource(prefix.fingerprint(), prefix.width, lengths, digests, make, "texts", "a shorter data.max_length")


def _of_windows(prefix: "SeriesPrefix", parts: Sequence[SeriesRows]) -> StateSource:
    number = sum(len(part) for part in parts)
    at = _finder(parts)

    def windows(rows: npt.NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        each = [parts[part].arrays(np.array([place])) for part, place in map(at, rows.tolist())]
        longest = max(values.shape[1] for values, _ in each)
        padded = [[np.pad(one[0], ((longest - one.shape[1], 0), (0, 0))) for one in pair] for pair in each]
        values, observed = (torch.from_numpy(np.stack(kind)) for kind in zip(*padded, strict=True))
        return values, observed

    def make(rows: npt.NDArray[np.int64]) -> Any:
        told = _progress(len(rows), len(rows) * prefix.places)
        for batch, states in prefix.states(windows, rows):
            yield batch, states
            told(len(batch), len(states))

    digests = [
        digest(np.concatenate([kind.astype(np.float32).ravel() for kind in part.arrays(np.array([row]))]))
        for part in parts
        for row in range(len(part))
    ]
    lengths = np.full(number, prefix.places, dtype=np.int64)
    return StateSource(prefix.fingerprint(), prefix.width, lengths, digests, make, "windows", "a shorter data.window")


def _finder(parts: Sequence[Any]) -> Callable[[int], tuple[int, int]]:
    """Row of all parts, one after another -> (number of its part, row in it)."""
    starts = np.cumsum([0, *(len(part) for part in parts)])

    def at(row: int) -> tuple[int, int]:
        number = int(np.searchsorted(starts, row, side="right")) - 1
        return number, row - int(starts[number])

    return at


def _progress(
    num_texts: int, num_tokens: int, clock: Callable[[], float] = time.monotonic
) -> Callable[[int, int], None]:
    """To be told the texts and tokens of each batch; a line with rate and time left now and then."""
    began = told = clock()
    texts = tokens = 0

    def tell(more_texts: int, more_tokens: int) -> None:
        nonlocal told, texts, tokens
        texts, tokens, now = texts + more_texts, tokens + more_tokens, clock()
        if now - told >= EVERY_S:
            told, rate = now, tokens / (now - began)
            left_s = (num_tokens - tokens) / rate
            log.info("hidden states: %d of %d, %.0f tokens/s, %.0f s left", texts, num_texts, rate, left_s)

    return tell
