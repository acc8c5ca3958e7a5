"""Rows of numbers that are dear to compute, on disk: each is computed once, whichever run, split or trial asks for it.

A row is (length, width) in bf16 or fp32, without padding, found by the digest of what it was computed from; nothing
here knows what it means. `states/<key>-<id>/` holds rows that one process computed (`state_files`), written under the
key's lock. The kernel frees the locks of a process that is killed; the folders that it had finished stay, and the one
that it left half written is swept away by the next. Where nothing can be locked, two processes may compute the same.
"""

import hashlib
import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lab.core.locks import exclusive
from lab.data.cache.entry_locks import lock_entry, unlock_entry, unused
from lab.data.cache.hidden_state_files import STORED, Form, Ints, Writer, checked, values
from lab.data.cache.store import mark_used

log = logging.getLogger(__name__)

Make = Callable[[Ints], Iterator[tuple[Ints, Tensor]]]
"""Rows asked for -> batches (rows in an order of its own, their numbers (sum of lengths, width) on the CPU)."""
Room = Callable[[int], object]
"""Told the bytes about to be written, to make room for them."""
TURNS = 3
"""While rows are computed another run may make room and remove some that were there: those are computed, too."""


class States:
    """Numbers of some rows, memory-mapped; pickled by the paths of its files, never by their content."""

    def __init__(
        self,
        form: Form,
        folders: Sequence[Path],
        parts: Ints,
        starts: Ints,
        lengths: Ints,
        mapped: Sequence[npt.NDArray[Any]] | None = None,
    ) -> None:
        """parts, starts, lengths: per row its folder, its first place in there and how many places it has.

        mapped: the numbers of the folders, where they are open already: each map takes an open file.
        """
        self.form, self.folders = form, tuple(folders)
        self.parts, self.starts, self.lengths = parts, starts, lengths
        self._values = [values(folder, form) for folder in self.folders] if mapped is None else mapped

    def __reduce__(self) -> tuple[type["States"], tuple[object, ...]]:
        return States, (self.form, self.folders, self.parts, self.starts, self.lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    def part(self, rows: slice) -> "States":
        return States(self.form, self.folders, self.parts[rows], self.starts[rows], self.lengths[rows], self._values)

    def padded(self, rows: Ints, longest: int) -> Tensor:
        """(rows, longest, width), zeros behind each row."""
        numbers = np.zeros((len(rows), longest, self.form.width), STORED[self.form.dtype][0])
        for place, row in enumerate(rows.tolist()):
            start, length = self.starts[row], self.lengths[row]
            numbers[place, :length] = self._values[self.parts[row]][start : start + length]
        return torch.from_numpy(numbers).view(STORED[self.form.dtype][1])


@dataclass(frozen=True)
class Found:
    """States of all rows asked for; how many different rows these are and how many of them were there already."""

    states: States
    distinct: int
    hits: int


def digest(values: npt.NDArray[Any]) -> bytes:
    """Names a row by what it is computed from."""
    return hashlib.blake2b(np.ascontiguousarray(values).tobytes(), digest_size=16).digest()


def obtain(
    cache: Path, form: Form, digests: Sequence[bytes], lengths: Ints, make: Make, room: Room = lambda _: None
) -> Found:
    """The states of rows named by their digests, those that are not on disk made by `make` and left there.

    Equal digests are one row. Of several processes that lack rows of one key one computes, the others wait for it.
    """
    folder = cache / "states"
    folder.mkdir(parents=True, exist_ok=True)
    first: dict[bytes, int] = {}
    for row, name in enumerate(digests):
        first.setdefault(name, row)
    believed: set[Path] = set()
    shelf = _Shelf(folder, form, first, believed)
    hits = len(first) - len(shelf.missing)
    for attempt in range(TURNS):
        if not shelf.missing:
            break
        with exclusive(folder / f".{form.key}.lock", _wait) as locked:
            shelf = _Shelf(folder, form, first, believed, sweep=locked)
            hits = len(first) - len(shelf.missing) if attempt == 0 else hits
            if shelf.missing:
                rows = np.array([first[name] for name in shelf.missing])
                room(int(lengths[rows].sum()) * form.place_bytes)
                believed |= _written(folder, form, digests, lengths, rows, make)
                shelf = _Shelf(folder, form, first, believed)
    if shelf.missing:
        raise OSError(f"the states written to {folder} cannot be read back: is the disk sound?")
    return Found(shelf.states(digests, lengths), len(first), hits)


class _Shelf:
    """Where each wanted row stands; what cannot be believed is left out and, under the lock (`sweep`), removed."""

    def __init__(
        self, folder: Path, form: Form, wanted: dict[bytes, int], believed: set[Path], sweep: bool = False
    ) -> None:
        """believed: folders whose numbers need no check; those found sound are added."""
        self.form = form
        self.folders: list[Path] = []
        self.places: dict[bytes, tuple[int, int]] = {}
        for entry in sorted(folder.glob(f"{form.key}-*")):
            if not lock_entry(entry):
                continue
            try:
                found = checked(entry, form, wanted.keys() - self.places.keys(), entry in believed)
            except OSError as error:  # for the moment, or not this user's: it is left where it is
                log.warning("stored states in %s cannot be read (%s) and are made again", entry, error)
                found = {}
            if not found:
                unlock_entry(entry)
                believed.discard(entry)
            if found is None:
                log.warning("stored states in %s are damaged and will be made again", entry)
                if sweep:
                    shutil.rmtree(entry, ignore_errors=True)
            elif found and mark_used(entry):
                self.places |= {name: (len(self.folders), start) for name, start in found.items()}
                self.folders.append(entry)
                believed.add(entry)
        if sweep:
            for left in folder.glob(f".{form.key}-*.part"):
                with unused(left) as free:  # who could not have this lock may be writing, and has its own
                    if free:
                        shutil.rmtree(left, ignore_errors=True)
        self.missing = [name for name in wanted if name not in self.places]

    def states(self, digests: Sequence[bytes], lengths: Ints) -> States:
        placed = np.array([self.places[name] for name in digests], np.int64).reshape(-1, 2)
        return States(self.form, self.folders, placed[:, 0], placed[:, 1], lengths.astype(np.int64))


def _written(folder: Path, form: Form, digests: Sequence[bytes], lengths: Ints, rows: Ints, make: Make) -> set[Path]:
    """The folders that `make` filled, locked since."""
    writer = Writer(folder, form)
    try:
        for batch, numbers in make(rows):
            writer.add([digests[row] for row in batch], lengths[batch], numbers)
        writer.close()
    finally:
        writer.drop()
    return set(writer.finished)


def _wait() -> None:
    log.info("another process is computing these states; waiting for it")
