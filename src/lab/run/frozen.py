"""With `cache.frozen`, what the frozen layers make of each text is taken from disk or computed once, before training.

The batches then bring those hidden states along, and only the layers above are run. Shared by epochs, evaluations, runs
and concurrent trials that agree on frozen weights, layers and precision, whatever else tells them apart.
"""

import logging
import time
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.batches import Ids
from lab.callbacks.freeze import always_frozen
from lab.data.cache import prune
from lab.data.loader import TokenRows
from lab.data.states import Dtype, Form, Make, digest, obtain
from lab.errors import Mistake, RequestError
from lab.models.frozen import FrozenPrefix
from lab.run.material import Material, frozen_at_start
from lab.run.parts import Hardware
from lab.schema import Config

log = logging.getLogger(__name__)

EVERY_S = 10.0
"""Between two lines of progress."""


def take_states(config: Config, material: Material, where: Hardware, splits: Sequence[str]) -> dict[str, Any]:
    """Give the rows of `splits` their states, where asked; the model must hold the weights that it will train with.

    Gives the record's `cache`, empty without `cache.frozen`. Raises RequestError where the states would not be a fixed
    function of the texts, or would take more than `cache.max_gib`.
    """
    if not config.cache.frozen:
        return {}
    if material.cuttable is None:
        raise _refused(f"is not there for data of kind {config.data.kind}")
    encoder, rows = material.cuttable
    frozen_at_start(config, material.model.to(where.device))
    started = time.monotonic()
    depth = always_frozen(config.callbacks.freeze.layers, config.callbacks.unfreeze.schedule)
    try:
        prefix = FrozenPrefix(encoder, depth, where.autocast)
    except ValueError as error:
        raise _refused(str(error)) from error
    parts = [rows[split] for split in splits]
    dtype: Dtype = _dtype(config.cache.dtype, where.precision)
    form = Form(f"{prefix.fingerprint()}-{dtype}", prefix.width, dtype)
    lengths = np.concatenate([part.tokens.lengths for part in parts]).astype(np.int64)
    digests = [digest(part.tokens[row]) for part in parts for row in range(len(part))]
    size = _refuse_excess(digests, lengths, form, config.cache.max_gib)
    folder = Path(config.cache.dir).expanduser()
    found = obtain(folder, form, digests, lengths, _maker(prefix, parts, lengths))
    prune(folder, config.cache.max_gib)
    ends = list(accumulate(len(part) for part in parts))
    for part, end in zip(parts, ends, strict=True):
        part.states, part.depth = found.states.part(slice(end - len(part), end)), depth
    seconds = time.monotonic() - started
    log.info(
        "hidden states after layer %d of %d different texts: %d were there, %d computed; %.2f GiB in %s, %.1f s",
        depth, found.distinct, found.hits, found.distinct - found.hits, size / 2**30, dtype, seconds,
    )  # fmt: skip
    about = {"layers": depth, "dtype": dtype, "key": form.key, "entries": found.distinct, "hits": found.hits}
    return about | {"bytes": size, "seconds": seconds}


def _refused(problem: str) -> RequestError:
    return RequestError(Mistake("cache.frozen", problem, "cache.frozen=false", True))


def _dtype(asked: str, precision: str) -> Dtype:
    return "fp32" if asked == "fp32" or (asked == "auto" and precision == "32-true") else "bf16"


def _refuse_excess(digests: list[bytes], lengths: npt.NDArray[np.int64], form: Form, max_gib: float) -> int:
    """Bytes that the states of all different texts take. Raises RequestError where the cache may not hold them."""
    size: int = sum(dict(zip(digests, lengths.tolist(), strict=True)).values()) * form.place_bytes
    if size > max_gib * 2**30:
        needed = size / 2**30
        problem = f"the states of these texts take {needed:.1f} GiB, and cache.max_gib={max_gib:g}"
        raise RequestError(
            Mistake(
                "cache.frozen", problem, f"cache.max_gib={int(needed) + 1}, a shorter data.max_length, or false", True
            )
        )
    return size


def _maker(prefix: FrozenPrefix, parts: Sequence[TokenRows], lengths: npt.NDArray[np.int64]) -> Make:
    starts = np.cumsum([0, *(len(part) for part in parts)])

    def ids(row: int) -> Ids:
        number = int(np.searchsorted(starts, row, side="right")) - 1
        return parts[number].tokens[row - int(starts[number])]

    def make(rows: npt.NDArray[np.int64]) -> Any:
        told = _progress(len(rows), int(lengths[rows].sum()))
        for batch, states in prefix.states(ids, lengths, rows, parts[0].pad_id):
            yield batch, states
            told(len(batch), len(states))

    return make


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
            log.info("hidden states: %d of %d texts, %.0f tokens/s, %.0f s left", texts, num_texts, rate, left_s)

    return tell
