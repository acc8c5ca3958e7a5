"""With `cache.hidden_states`, the outputs of the frozen layers for each text or window are computed once and cached.

The batches then contain those hidden states, and only the layers above are computed. All epochs, evaluations, runs and
concurrent trials with the same frozen weights, layers and precision share them, whatever their other settings.
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
from lab.data.cache.store import prune, size_gib
from lab.data.dataloader import TokenRows
from lab.data.series.datamodule import SeriesRows
from lab.models.series.interfaces import Net
from lab.models.task_module import TaskModule
from lab.models.text.frozen_prefix import FrozenPrefix
from lab.models.text.interfaces import TextEncoder
from lab.models.text.multitask_classifier import MultitaskTextClassifier
from lab.training.build.trainer import Hardware
from lab.training.tasks.base import Material, apply_freezing

if TYPE_CHECKING:
    from lab.models.series.frozen_prefix import SeriesPrefix

log = logging.getLogger(__name__)

EVERY_S = 10.0
"""Seconds between two progress lines."""


@dataclass(frozen=True)
class StateSource:
    """The rows whose hidden states are cached, and the function that computes them.

    key: changes whenever the states would; width: values per position; lengths: positions per row; digests: identify
    each row by its content; make: computes states; unit: the word for rows in messages; shorter: a remedy that makes
    rows shorter; is_pooled: whether a row has one vector instead of one per position.
    """

    key: str
    width: int
    lengths: npt.NDArray[np.int64]
    digests: list[bytes]
    make: Make
    unit: str
    shorter: str
    is_pooled: bool = False


def attach_hidden_states(config: Config, material: Material, where: Hardware, splits: Sequence[str]) -> dict[str, Any]:
    """Attach their hidden states to the rows of `splits`, if the config asks for it.

    The model must have the weights that it trains with. Returns `cache` of run.json, empty without
    `cache.hidden_states`. Raises RequestError where the states are no fixed function of the rows, or would take more
    than `cache.max_gib`.
    """
    if not config.cache.hidden_states:
        return {}
    if material.cacheable_part is None:
        raise _refused(f"is not available for data of kind {config.data.kind}")
    encoder, rows = material.cacheable_part
    apply_freezing(config, material.model.to(where.device))
    started = time.monotonic()
    depth = always_frozen(config.callbacks.freeze.layers, config.callbacks.freeze.schedule)
    parts = [rows[split] for split in splits]
    try:
        source = _source(material.model, encoder, parts, depth, where)
    except ValueError as error:
        raise _refused(str(error)) from error
    dtype: Dtype = _dtype(config.cache.dtype, where.precision)
    form = Form(f"{source.key}-{dtype}", source.width, dtype)
    size = _refuse_excess(source, form, config.cache.max_gib)
    folder = Path(config.cache.dir).expanduser()

    def make_room(num_bytes: int) -> None:
        _make_room(folder, num_bytes / 2**30, config.cache.max_gib)

    def make(rows: npt.NDArray[np.int64]) -> Any:
        with _shared_cores(folder, config.trainer.threads):
            yield from source.make(rows)

    obtained = obtain(folder, form, source.digests, source.lengths, make, make_room)
    prune(folder, config.cache.max_gib)
    ends = list(accumulate(len(part) for part in parts))
    for part, end in zip(parts, ends, strict=True):
        part.states, part.depth = obtained.states.part(slice(end - len(part), end)), depth
        if source.is_pooled:
            part.is_pooled = True
    seconds = time.monotonic() - started
    log.info(
        "hidden states after layer %d of %d different %s: %d read from the cache, %d computed; %.2f GiB in %s, %.1f s",
        depth, obtained.distinct, source.unit, obtained.hits, obtained.distinct - obtained.hits, size / 2**30, dtype,
        seconds,
    )  # fmt: skip
    facts = {"layers": depth, "dtype": dtype, "key": form.key, "entries": obtained.distinct, "hits": obtained.hits}
    return facts | {"bytes": size, "seconds": seconds}


def _make_room(folder: Path, new_gib: float, max_gib: float) -> None:
    """Remove old entries for `new_gib`, and log where the cache exceeds its limit all the same.

    Raises RequestError where the disk has too little space.
    """
    if (free_gib := shutil.disk_usage(folder).free / 2**30) + size_gib(folder) >= new_gib:
        prune(folder, max_gib - new_gib)
        free_gib = shutil.disk_usage(folder).free / 2**30
    if new_gib > free_gib:
        problem = f"the states take {new_gib:.2f} GiB, and {folder} has {free_gib:.2f} GiB free"
        raise MachineRefusal(
            Mistake("cache.dir", problem, "cache.dir=A_FOLDER_ON_ANOTHER_DISK, or cache.hidden_states=false")
        )
    if (total := size_gib(folder) + new_gib) > max_gib:
        log.warning(
            "%s will take %.2f GiB, more than cache.max_gib=%g: entries in use or of other users are not removed",
            folder, total, max_gib,
        )  # fmt: skip


@contextmanager
def _shared_cores(folder: Path, limit: int | None) -> Iterator[None]:
    """In a sweep, use the cores of the other trials too: those that need the same states wait for them.

    Only one trial at a time does so; others that compute other states use their own cores. limit: `trainer.threads`,
    which is always kept.
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


def _dtype(requested: str, precision: str) -> Dtype:
    return "fp32" if requested == "fp32" or (requested == "auto" and precision == "32-true") else "bf16"


def _refuse_excess(source: StateSource, form: Form, max_gib: float) -> int:
    """Bytes of the states of all different rows. Raises RequestError if they are more than `max_gib`."""
    size: int = sum(dict(zip(source.digests, source.lengths.tolist(), strict=True)).values()) * form.place_bytes
    if size > max_gib * 2**30:
        needed = size / 2**30
        problem = f"the states of these {source.unit} take {needed:.1f} GiB, and cache.max_gib={max_gib:g}"
        raise RequestError(
            Mistake(
                "cache.hidden_states", problem, f"cache.max_gib={int(needed) + 1}, {source.shorter}, or false", True
            )
        )
    return size


def _source(
    model: TaskModule, encoder: TextEncoder | Net, parts: Sequence[Any], depth: int, where: Hardware
) -> StateSource:
    """Raises ValueError where the states are no fixed function of a row."""
    if isinstance(encoder, Net):
        from lab.models.series.frozen_prefix import SeriesPrefix

        prefix = SeriesPrefix(encoder, depth, where.autocast)
        return _of_windows(prefix, parts)
    pooling = model.pooling_above(depth) if isinstance(model, MultitaskTextClassifier) else None
    return _of_texts(FrozenPrefix(encoder, depth, where.autocast, pooling), parts)


def _of_texts(prefix: FrozenPrefix, parts: Sequence[TokenRows]) -> StateSource:
    lengths = np.concatenate([part.tokens.lengths for part in parts]).astype(np.int64)
    digests = [digest(part.tokens[row]) for part in parts for row in range(len(part))]
    locate = _locator(parts)

    def ids(row: int) -> Ids:
        part, index = locate(row)
        return parts[part].tokens[index]

    def make(rows: npt.NDArray[np.int64]) -> Any:
        log_progress = _progress(len(rows), int(lengths[rows].sum()))
        for batch, states in prefix.states(ids, lengths, rows, parts[0].pad_id):
            yield batch, states
            log_progress(len(batch), int(lengths[batch].sum()))

    is_pooled = prefix.pooling is not None
    places = np.ones_like(lengths) if is_pooled else lengths
    remedy = "fewer rows" if is_pooled else "a shorter data.max_length"
    return StateSource(prefix.fingerprint(), prefix.width, places, digests, make, "texts", remedy, is_pooled)


def _of_windows(prefix: "SeriesPrefix", parts: Sequence[SeriesRows]) -> StateSource:
    locate = _locator(parts)

    def windows(rows: npt.NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        pairs = [parts[part].arrays(np.array([index])) for part, index in map(locate, rows.tolist())]
        longest = max(values.shape[1] for values, _ in pairs)
        padded = [[np.pad(array[0], ((longest - array.shape[1], 0), (0, 0))) for array in pair] for pair in pairs]
        values, observed = (torch.from_numpy(np.stack(arrays)) for arrays in zip(*padded, strict=True))
        return values, observed

    def make(rows: npt.NDArray[np.int64]) -> Any:
        log_progress = _progress(len(rows), len(rows) * prefix.places)
        for batch, states in prefix.states(windows, rows):
            yield batch, states
            log_progress(len(batch), len(states))

    digests = [
        digest(np.concatenate([array.astype(np.float32).ravel() for array in part.arrays(np.array([row]))]))
        for part in parts
        for row in range(len(part))
    ]
    lengths = np.full(len(digests), prefix.places, dtype=np.int64)
    return StateSource(prefix.fingerprint(), prefix.width, lengths, digests, make, "windows", "a shorter data.window")


def _locator(parts: Sequence[Any]) -> Callable[[int], tuple[int, int]]:
    """A function from a row of the concatenated parts to (part, row in it)."""
    starts = np.cumsum([0, *(len(part) for part in parts)])

    def locate(row: int) -> tuple[int, int]:
        part = int(np.searchsorted(starts, row, side="right")) - 1
        return part, row - int(starts[part])

    return locate


def _progress(
    num_texts: int, num_tokens: int, clock: Callable[[], float] = time.monotonic
) -> Callable[[int, int], None]:
    """A function to call with the texts and tokens of each batch. It logs rate and time left every `EVERY_S`."""
    started = logged = clock()
    texts = tokens = 0

    def advance(more_texts: int, more_tokens: int) -> None:
        nonlocal logged, texts, tokens
        texts, tokens, now = texts + more_texts, tokens + more_tokens, clock()
        if now - logged >= EVERY_S:
            logged, rate = now, tokens / (now - started)
            left_s = (num_tokens - tokens) / rate
            log.info("hidden states: %d of %d, %.0f tokens/s, %.0f s left", texts, num_texts, rate, left_s)

    return advance
