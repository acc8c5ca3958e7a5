"""Rows of numbers that are expensive to compute, on disk: each is computed once for all runs, splits and trials.

A row is (length, width) in bf16 or fp32, without padding, identified by the digest of its input; this module does not
interpret the numbers. `states/<key>-<id>/` contains rows that one process computed (`hidden_state_files`), written
under a lock of the key and of the set of rows: trials on the same rows wait for the one that computes them, and runs on
other rows do not. The kernel releases the locks of a killed process; its finished folders stay, and the next process
removes its unfinished one. Where locks do not work, two processes may compute the same rows.
"""

import hashlib
import logging
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lab.core.locks import exclusive
from lab.data.cache.entry_locks import lock_entry, unlock_entry, unused
from lab.data.cache.hidden_state_files import STORED, Form, Ints, Writer, find_rows, open_values
from lab.data.cache.store import mark_used

log = logging.getLogger(__name__)

Make = Callable[[Ints], Iterator[tuple[Ints, Tensor]]]
"""Computes the requested rows in batches: rows in any order, and their numbers (sum of lengths, width) on the CPU."""
MakeRoom = Callable[[int], object]
"""Makes room for the given number of bytes before they are written."""
NUM_LOCKS = 16
"""Locks of a key. Runs on different rows rarely have the same one."""
MAX_ATTEMPTS = 3
"""While rows are computed, another run may remove stored ones to make room; these are then computed too."""


class States:
    """Numbers of some rows, memory-mapped. Pickled by the paths of its files, not by their content."""

    def __init__(
        self,
        form: Form,
        folders: Sequence[Path],
        parts: Ints,
        starts: Ints,
        lengths: Ints,
        mapped: Sequence[npt.NDArray[Any]] | None = None,
    ) -> None:
        """parts, starts, lengths: for each row its folder, its first position there and its number of positions.

        mapped: the numbers of the folders if they are already mapped, since each map keeps a file open.
        """
        self.form, self.folders = form, tuple(folders)
        self.parts, self.starts, self.lengths = parts, starts, lengths
        self._values = [open_values(folder, form) for folder in self.folders] if mapped is None else mapped

    def __reduce__(self) -> tuple[type["States"], tuple[object, ...]]:
        return States, (self.form, self.folders, self.parts, self.starts, self.lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    def part(self, rows: slice) -> "States":
        """Return the states of some rows."""
        return States(self.form, self.folders, self.parts[rows], self.starts[rows], self.lengths[rows], self._values)

    def padded(self, rows: Ints, longest: int) -> Tensor:
        """Return (rows, longest, width) with zeros after the end of each row."""
        numbers = np.zeros((len(rows), longest, self.form.width), STORED[self.form.dtype][0])
        for place, row in enumerate(rows.tolist()):
            start, length = self.starts[row], self.lengths[row]
            numbers[place, :length] = self._values[self.parts[row]][start : start + length]
        return torch.from_numpy(numbers).view(STORED[self.form.dtype][1])


@dataclass(frozen=True)
class Obtained:
    """States of all requested rows, the number of distinct rows, and the number of those that were stored already."""

    states: States
    distinct: int
    hits: int


def digest(values: npt.NDArray[Any]) -> bytes:
    """Return the digest of a row's input, which identifies the row."""
    return hashlib.blake2b(np.ascontiguousarray(values).tobytes(), digest_size=16).digest()


def obtain(
    cache: Path, form: Form, digests: Sequence[bytes], lengths: Ints, make: Make, make_room: MakeRoom = lambda _: None
) -> Obtained:
    """Return the states of the rows with these digests; rows that are not on disk are computed by `make` and stored.

    Equal digests are one row. If several processes need the same rows of a key, one computes and the others wait.
    """
    folder = cache / "states"
    folder.mkdir(parents=True, exist_ok=True)
    first: dict[bytes, int] = {}
    for row, name in enumerate(digests):
        first.setdefault(name, row)
    verified: set[Path] = set()
    stored = _StoredRows(folder, form, first, verified)
    hits = len(first) - len(stored.missing)
    for attempt in range(MAX_ATTEMPTS):
        if not stored.missing:
            break
        with exclusive(folder / f".{form.key}-{_slot(first)}.lock", _wait) as locked:
            stored = _StoredRows(folder, form, first, verified, clean=locked)
            hits = len(first) - len(stored.missing) if attempt == 0 else hits
            if stored.missing:
                rows = np.array([first[name] for name in stored.missing])
                make_room(int(lengths[rows].sum()) * form.place_bytes)
                verified |= _written(folder, form, digests, lengths, rows, make)
                stored = _StoredRows(folder, form, first, verified)
    if stored.missing:
        raise OSError(f"the states written to {folder} cannot be read back: is the disk damaged?")
    return Obtained(stored.states(digests, lengths), len(first), hits)


class _StoredRows:
    """Places of the wanted rows on disk. Damaged folders are left out and, under the lock (`clean`), removed."""

    def __init__(
        self, folder: Path, form: Form, wanted: dict[bytes, int], verified: set[Path], clean: bool = False
    ) -> None:
        """verified: folders whose numbers need no check; folders that pass the check are added."""
        self.form = form
        self.folders: list[Path] = []
        self.places: dict[bytes, tuple[int, int]] = {}
        for entry in sorted(folder.glob(f"{form.key}-*")):
            if not lock_entry(entry):
                continue
            try:
                places = find_rows(entry, form, wanted.keys() - self.places.keys(), entry in verified)
            except OSError as error:  # a temporary error or another user's folder: it is kept
                log.warning("stored states in %s cannot be read (%s) and are made again", entry, error)
                places = {}
            if not places:
                unlock_entry(entry)
                verified.discard(entry)
            if places is None:
                log.warning("stored states in %s are damaged and will be made again", entry)
                if clean:
                    shutil.rmtree(entry, ignore_errors=True)
            elif places and mark_used(entry):
                self.places |= {name: (len(self.folders), start) for name, start in places.items()}
                self.folders.append(entry)
                verified.add(entry)
        if clean:
            for unfinished in folder.glob(f".{form.key}-*.part"):
                with unused(unfinished) as free:  # a process that did not get the key's lock may be writing it
                    if free:
                        shutil.rmtree(unfinished, ignore_errors=True)
        self.missing = [name for name in wanted if name not in self.places]

    def states(self, digests: Sequence[bytes], lengths: Ints) -> States:
        """Return the states of rows, all of which must be stored."""
        placed = np.array([self.places[name] for name in digests], np.int64).reshape(-1, 2)
        return States(self.form, self.folders, placed[:, 0], placed[:, 1], lengths.astype(np.int64))


def _written(folder: Path, form: Form, digests: Sequence[bytes], lengths: Ints, rows: Ints, make: Make) -> set[Path]:
    """Write the rows that `make` computes; return their folders, which stay locked."""
    writer = Writer(folder, form)
    try:
        for batch, numbers in make(rows):
            writer.add([digests[row] for row in batch], lengths[batch], numbers)
        writer.close()
    finally:
        writer.discard()
    return set(writer.finished)


def _slot(names: Iterable[bytes]) -> int:
    """Return which of the key's locks a set of rows has."""
    return digest(np.frombuffer(b"".join(sorted(names)), np.uint8))[0] % NUM_LOCKS


def _wait() -> None:
    log.info("another process is computing these states; waiting for it")
