"""What is fitted once for all runs of the same data and settings, in the cache folder: baselines, and simple models
below networks.

An entry `baselines/<key>/` is sealed and removed like every entry of the cache. Runs that need the same entry at the
same time wait for the one that makes it, as long as their `Patience` lasts. A damaged entry is made again. That of a
baseline has outputs.safetensors and about.json.
"""

import hashlib
import json
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from lab.core.locks import sole
from lab.data.cache.store import make_entry

log = logging.getLogger(__name__)
PART = "baselines"
"""Folder of the cache."""
ARRAYS, ABOUT = "outputs.safetensors", "about.json"


@dataclass(frozen=True)
class Outputs:
    """What a fitted baseline gives. arrays: by name, as its scoring needs them; note: how it was fitted, if that is not
    as usual."""

    arrays: Mapping[str, npt.NDArray[Any]]
    note: str | None = None


@dataclass
class Patience:
    """Seconds that a run may wait for simple models that something else fits, all of them together."""

    most_s: float = math.inf
    spent_s: float = 0.0

    @property
    def left_s(self) -> float:
        """What remains, 0 or more."""
        return max(0.0, self.most_s - self.spent_s)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the seconds of the block."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.spent_s += time.monotonic() - start


def obtain(
    cache: Path,
    key: Mapping[str, Any],
    compute: Callable[[], Outputs],
    waits: bool = True,
    patience: Patience | None = None,
) -> Outputs:
    """Return the outputs stored under a key, which are computed and stored where there are none.

    A folder that cannot be written costs the entry, not the baseline. waits, patience: as in `entry`. Raises what
    `compute` raises, and Taken as `entry` does.
    """
    made: list[Outputs] = []

    def fill(aside: Path) -> None:
        made.append(compute())
        save_file(dict(made[0].arrays), aside / ARRAYS)
        (aside / ABOUT).write_text(json.dumps({"note": made[0].note, "key": json.loads(_text(key))}), encoding="utf-8")

    try:
        folder = entry(cache, key, fill, waits, patience)
        return made[0] if made else _read(folder)
    except OSError as error:
        log.warning("a baseline is not kept in the cache: %s", error)
        return made[0] if made else compute()


def entry(
    cache: Path,
    key: Mapping[str, Any],
    fill: Callable[[Path], object],
    waits: bool = True,
    patience: Patience | None = None,
) -> Path:
    """Return the folder stored under a key, which `fill` makes where there is none.

    waits: for another run that makes it; false for a `fill` that makes nothing, or that is carried out beside the
    other. patience: how long to wait; None: without a limit. Raises what `fill` raises, Taken if the other run is not
    ready in this time, and OSError where the cache cannot be written.
    """
    folder = cache / PART / hashlib.blake2b(_text(key).encode(), digest_size=16).hexdigest()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _made_by_one(folder, patience or Patience()) if waits else nullcontext():
        make_entry(folder, fill)
    return folder


@contextmanager
def _made_by_one(folder: Path, patience: Patience) -> Iterator[None]:
    """Wait until no other run makes the entry, and keep others from making it during the block."""

    def say(other: str) -> None:
        limit = "" if patience.most_s == math.inf else f" for at most {patience.left_s:.0f} s"
        log.info("%s fits this simple model for another run: waiting for it%s", other, limit)

    lock = sole(folder.parent / f".{folder.name}.lock", say, most_s=patience.left_s)
    with ExitStack() as block:
        with patience.waiting():
            block.enter_context(lock)
        yield


def _text(key: Mapping[str, Any]) -> str:
    return json.dumps(key, sort_keys=True, default=str)


def _read(folder: Path) -> Outputs:
    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    return Outputs(load_file(folder / ARRAYS), about["note"])
