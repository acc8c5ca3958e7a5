"""What is fitted once for all runs of the same data and settings, in the cache folder: baselines, and simple models
below networks.

An entry `baselines/<key>/` is sealed and removed like every entry of the cache. Runs that need the same entry at the
same time wait for the one that makes it. A damaged entry is made again. That of a baseline has outputs.safetensors and
about.json.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from lab.core.locks import exclusive
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


def obtain(cache: Path, key: Mapping[str, Any], compute: Callable[[], Outputs], waits: bool = True) -> Outputs:
    """Return the outputs stored under a key, which are computed and stored where there are none.

    A folder that cannot be written costs the entry, not the baseline. waits: as in `entry`. Raises what `compute`
    raises.
    """
    made: list[Outputs] = []

    def fill(aside: Path) -> None:
        made.append(compute())
        save_file(dict(made[0].arrays), aside / ARRAYS)
        (aside / ABOUT).write_text(json.dumps({"note": made[0].note, "key": json.loads(_text(key))}), encoding="utf-8")

    try:
        folder = entry(cache, key, fill, waits)
        return made[0] if made else _read(folder)
    except OSError as error:
        log.warning("a baseline is not kept in the cache: %s", error)
        return made[0] if made else compute()


def entry(cache: Path, key: Mapping[str, Any], fill: Callable[[Path], object], waits: bool = True) -> Path:
    """Return the folder stored under a key, which `fill` makes where there is none.

    waits: for another run that makes it; false for a `fill` that makes nothing. Raises what `fill` raises, and OSError
    where the cache cannot be written.
    """
    folder = cache / PART / hashlib.blake2b(_text(key).encode(), digest_size=16).hexdigest()
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = folder.parent / f".{folder.name}.lock"
    with exclusive(lock, lambda: log.info("another run fits this simple model")) if waits else nullcontext():
        make_entry(folder, fill)
    return folder


def _text(key: Mapping[str, Any]) -> str:
    return json.dumps(key, sort_keys=True, default=str)


def _read(folder: Path) -> Outputs:
    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    return Outputs(load_file(folder / ARRAYS), about["note"])
