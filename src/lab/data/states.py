"""Rows of numbers that are dear to compute, on disk: each is computed once, whichever run, split or trial asks for it.

A row is (length, width) in bf16 or fp32, without padding, found by the digest of what it was computed from; nothing
here knows what it means. `states/<key>-<id>/` holds the rows that one process computed at a time, whole and never
changed: written aside under the key's lock, then renamed. The kernel frees the lock of a process that is killed, and
what it left half written is swept away by the next one. What is read is checked against its CRC (about 1 s per GiB).
"""

import contextlib
import hashlib
import json
import logging
import shutil
import uuid
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from filelock import FileLock, Timeout
from torch import Tensor

from lab.data.cache import crc, mark_used
from lab.data.holds import hold, release

log = logging.getLogger(__name__)

Ints = npt.NDArray[np.int64]
Dtype = Literal["bf16", "fp32"]
STORED: dict[str, tuple[Any, torch.dtype]] = {"bf16": (np.uint16, torch.bfloat16), "fp32": (np.float32, torch.float32)}
"""How numpy, which has no bf16, and torch see the numbers."""
TURNS = 3
"""While rows are computed another run may make room and remove some that were there: those are computed, too."""
Room = Callable[[int], object]
"""Told the bytes about to be written, to make room for them."""
Make = Callable[[Ints], Iterator[tuple[Ints, Tensor]]]
"""Rows asked for -> batches (rows in an order of its own, their numbers (sum of lengths, width) on the CPU)."""


@dataclass(frozen=True)
class Form:
    """What rows of one kind share. key: changes whenever the numbers of a row would; width: numbers per place."""

    key: str
    width: int
    dtype: Dtype

    @property
    def place_bytes(self) -> int:
        return self.width * int(np.dtype(STORED[self.dtype][0]).itemsize)


class States:
    """Numbers of some rows, memory-mapped; pickled by the paths of its files, never by their content."""

    def __init__(self, form: Form, folders: Sequence[Path], parts: Ints, starts: Ints, lengths: Ints) -> None:
        """parts, starts, lengths: per row its folder, its first place in there and how many places it has."""
        self.form, self.folders = form, tuple(folders)
        self.parts, self.starts, self.lengths = parts, starts, lengths
        self._values = [_values(folder, form) for folder in self.folders]

    def __reduce__(self) -> tuple[type["States"], tuple[object, ...]]:
        return States, (self.form, self.folders, self.parts, self.starts, self.lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    def part(self, rows: slice) -> "States":
        return States(self.form, self.folders, self.parts[rows], self.starts[rows], self.lengths[rows])

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
    shelf = _Shelf(folder, form, first)
    hits = len(first) - len(shelf.missing)
    for turn in range(TURNS):
        if not shelf.missing:
            break
        with _locked(folder / f".{form.key}.lock"):
            shelf = _Shelf(folder, form, first, sweep=True)
            hits = len(first) - len(shelf.missing) if turn == 0 else hits
            if shelf.missing:
                rows = np.array([first[name] for name in shelf.missing])
                room(int(lengths[rows].sum()) * form.place_bytes)
                _write(folder, form, digests, lengths, rows, make)
                shelf = _Shelf(folder, form, first)
    if shelf.missing:
        raise OSError(f"the states written to {folder} cannot be read back: is the disk sound?")
    return Found(shelf.states(digests, lengths), len(first), hits)


class _Shelf:
    """Where each wanted row stands; what cannot be believed is left out and, under the lock (`sweep`), removed."""

    def __init__(self, folder: Path, form: Form, wanted: dict[bytes, int], sweep: bool = False) -> None:
        self.form = form
        self.folders: list[Path] = []
        self.places: dict[bytes, tuple[int, int]] = {}
        for entry in sorted(folder.glob(f"{form.key}-*")):
            if not hold(entry):
                continue
            found = _checked(entry, form, wanted.keys() - self.places.keys())
            if not found:
                release(entry)
            if found is None:
                log.warning("stored states in %s are damaged and will be made again", entry)
                if sweep:
                    shutil.rmtree(entry, ignore_errors=True)
            elif found and mark_used(entry):
                self.places |= {name: (len(self.folders), start) for name, start in found.items()}
                self.folders.append(entry)
        if sweep:
            for left in folder.glob(f".{form.key}-*.part"):  # nobody else writes under this lock
                shutil.rmtree(left, ignore_errors=True)
        self.missing = [name for name in wanted if name not in self.places]

    def states(self, digests: Sequence[bytes], lengths: Ints) -> States:
        placed = np.array([self.places[name] for name in digests], np.int64).reshape(-1, 2)
        return States(self.form, self.folders, placed[:, 0], placed[:, 1], lengths.astype(np.int64))


def _checked(entry: Path, form: Form, wanted: set[bytes]) -> dict[bytes, int] | None:
    """First places of the wanted rows of a finished folder; None where it is not what was written."""
    try:
        mark = json.loads((entry / "whole.json").read_text(encoding="utf-8"))
        index = (entry / "index.bin").read_bytes()
        if mark["index"] != [len(index), zlib.crc32(index)]:
            return None
        table = np.frombuffer(index, _INDEX)
        starts = np.cumsum(table["length"]) - table["length"]
        held = (table["digest"][row].tobytes() for row in range(len(table)))
        found = {name: int(start) for name, start in zip(held, starts, strict=True) if name in wanted}
        size = (entry / "values.bin").stat().st_size
        expected = int(table["length"].sum()) * form.place_bytes
        if size != expected or (found and crc(entry / "values.bin") != mark["values"]):
            return None
    except FileNotFoundError:
        return {} if not entry.exists() else None  # removed to make room, or torn
    except (ValueError, KeyError, TypeError):
        return None
    return found


_INDEX = np.dtype([("digest", np.uint8, 16), ("length", "<i8")])


def _write(folder: Path, form: Form, digests: Sequence[bytes], lengths: Ints, rows: Ints, make: Make) -> None:
    name = f"{form.key}-{uuid.uuid4().hex[:12]}"
    aside = folder / f".{name}.part"
    aside.mkdir()
    try:
        done, crc = [], 0
        with (aside / "values.bin").open("wb") as file:
            for batch, numbers in make(rows):
                stored = numbers.to(STORED[form.dtype][1]).contiguous()
                assert stored.shape == (lengths[batch].sum(), form.width), stored.shape
                content = stored.view(torch.uint8).numpy().data
                crc = zlib.crc32(content, crc)
                file.write(content)
                done.append(batch)
        index = np.empty(len(rows), _INDEX)
        order = np.concatenate(done)
        index["digest"] = np.frombuffer(b"".join(digests[row] for row in order), np.uint8).reshape(-1, 16)
        index["length"] = lengths[order]
        table = index.tobytes()
        (aside / "index.bin").write_bytes(table)
        mark = {"index": [len(table), zlib.crc32(table)], "values": crc}
        (aside / "whole.json").write_text(json.dumps(mark), encoding="utf-8")
        aside.rename(folder / name)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _values(folder: Path, form: Form) -> npt.NDArray[Any]:
    kind, path = STORED[form.dtype][0], folder / "values.bin"
    flat = np.memmap(path, kind, "r") if path.stat().st_size else np.empty(0, kind)
    return flat.reshape(-1, form.width)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        log.info("another process is computing these states; waiting for it")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
