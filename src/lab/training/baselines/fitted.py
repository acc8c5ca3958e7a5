"""Baselines that are fitted to training rows: obtained from the cache, then scored; a failure is a named gap."""

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.config.schema import BaselinesConfig, Cache
from lab.core.locks import Taken
from lab.data.cache.store import prune
from lab.training.baselines.base import SAMPLED, Baseline, SplitRows
from lab.training.baselines.stored import Outputs, Patience, obtain

log = logging.getLogger(__name__)
VERSION = 7
"""Part of every key of the cache: a change in what a baseline is makes stored outputs invalid."""
SEED = 0
"""Draws the training rows: runs with other seeds have the same baseline."""
MAX_WAIT = "baselines.max_wait_s"
"""The setting that limits the wait for baselines, for the notes of those that are left out."""


class NotFitted(ValueError):
    """The data lack what a baseline needs, in words: a named gap."""


@dataclass(frozen=True)
class SimpleModel:
    """A baseline that is to be fitted.

    settings: all that its outputs depend on besides the data, plain values; compute: fits it and gives its outputs,
    raises NotFitted where the data lack something; scored: the baseline of its outputs.
    """

    name: str
    settings: Mapping[str, Any]
    compute: Callable[[], Outputs]
    scored: Callable[[Outputs], Baseline]


def fitted_baseline(
    model: SimpleModel,
    fingerprint: str,
    rows: SplitRows,
    cache: Cache,
    gap: str | None = None,
    patience: Patience | None = None,
) -> Baseline:
    """The scored baseline; without scores and with a note where it could not be fitted.

    fingerprint: of the data; rows: the rows that are scored; gap: why it is left out unless the cache has it; None: it
    is fitted. patience: how long to wait for another run that fits it; then it is left out.
    """
    folder = Path(cache.dir).expanduser()
    key = key_of(model, fingerprint, rows)
    made = False

    def compute() -> Outputs:
        nonlocal made
        if gap is not None:
            raise NotFitted(gap)
        made = True
        return model.compute()

    try:
        try:
            outputs = obtain(folder, key, compute, gap is None, patience)
        except Taken as other:
            assert patience is not None, "without a limit the other run is waited for"
            log.info("%s still fits the baseline %s for another run: it is left out", other, model.name)
            gap = f"not fitted: another run was still fitting it after {patience.most_s:g} s ({MAX_WAIT})"
            outputs = obtain(folder, key, compute, waits=False)
        baseline = model.scored(outputs)
    except NotFitted as reason:
        log.info("baseline %s: %s", model.name, reason)
        return Baseline(model.name, note=str(reason))
    except Exception as error:  # noqa: BLE001 (a finished run without one of its baselines has not failed)
        problem = f"could not be fitted: {type(error).__name__}: {str(error).strip().partition(chr(10))[0][:200]}"
        log.warning("baseline %s %s", model.name, problem)
        return Baseline(model.name, note=problem)
    if made:
        prune(folder, cache.max_gib)
    return baseline


def key_of(model: SimpleModel, fingerprint: str, rows: SplitRows) -> dict[str, Any]:
    """What names the outputs of a model in the cache. Arguments as `fitted_baseline`."""
    places = {split: [len(each), _digest(each)] for split, each in rows.items()}
    return {"version": VERSION, "data": fingerprint, "name": model.name, "rows": places} | dict(model.settings)


def drawn(num: int, config: BaselinesConfig) -> tuple[npt.NDArray[np.int64], str | None]:
    """The places of the training rows that a baseline is fitted on, ascending, and a note where these are not all."""
    if num <= config.max_rows:
        return np.arange(num), None
    chosen = np.random.default_rng(SEED).choice(num, config.max_rows, replace=False)
    return np.sort(chosen), f"{SAMPLED} {config.max_rows:,} of {num:,} training rows"


def _digest(rows: npt.NDArray[np.int64]) -> str:
    return hashlib.blake2b(np.ascontiguousarray(rows, np.int64).tobytes(), digest_size=8).hexdigest()
