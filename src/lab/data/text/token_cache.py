"""Tokenised texts on disk: computed once per (texts, tokenizer, length), memory-mapped, shared by runs and workers.

A split is two flat files: the token ids of all rows, one row after another, and the start of each row.
"""

import hashlib
import shutil
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lab.core.batches import FlatIds, Ids, Tokenizer
from lab.core.processes.background import halved, is_possible
from lab.data.cache.store import crc_of_both, make_entry
from lab.data.text.corpus import Texts

VALUES = "values.bin"
CHUNK = 1000
"""Texts tokenised at a time."""
HALVED = 50_000
"""Texts from which two processes tokenise or count half each, if the tokenizer uses one core."""
COUNTED = 1 << 22
"""Ids counted at a time."""


class Tokens:
    """Token ids of a split. Row i is `values[offsets[i]:offsets[i + 1]]`. Pickled by its path, not by its content."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.offsets: npt.NDArray[np.int64] = np.load(folder / "offsets.npy")
        empty = int(self.offsets[-1]) == 0
        values = np.empty(0, np.int32) if empty else np.memmap(folder / VALUES, dtype=np.int32, mode="r")
        self._counts: npt.NDArray[np.int64] | None = None
        self.values: Ids = np.asarray(values)  # a plain view: slicing a memmap costs three times as much

    def __reduce__(self) -> tuple[type["Tokens"], tuple[Path]]:
        return Tokens, (self.folder,)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> Ids:
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    def flat(self, first: int, last: int) -> FlatIds:
        """The ids of the rows `first` to `last` - 1 as one array, without a copy."""
        return FlatIds(self.values[self.offsets[first] : self.offsets[last]], np.diff(self.offsets[first : last + 1]))

    def counts(self, size: int) -> npt.NDArray[np.int64]:
        """How often each of `size` ids occurs, (size,). Computed once: a million long texts take a second."""
        if self._counts is None or len(self._counts) != size:
            counts = np.zeros(size, np.int64)
            for start in range(0, len(self.values), COUNTED):
                counts += np.bincount(self.values[start : start + COUNTED], minlength=size)
            self._counts = counts
        return self._counts

    @property
    def lengths(self) -> npt.NDArray[np.int32]:
        """Number of tokens of each row, (rows,)."""
        return np.diff(self.offsets).astype(np.int32)


def tokenise(
    texts: Texts, tokenizer: Tokenizer, max_length: int, cache: Path, key: str, ticks: Callable[[int], object]
) -> Tokens:
    """Return the token ids of each text, cut to `max_length`. key: identifies the texts; ticks: called with the number
    of rows of each finished piece."""
    folder = cache / "tokens" / _digest(key, tokenizer.fingerprint(), f"ids-{max_length}")

    checksums: dict[str, int] = {}

    def write(part: Texts, values: Path) -> None:
        lengths: list[npt.NDArray[np.int64]] = [np.zeros(0, np.int64)]
        checksum = 0
        with values.open("wb") as file:
            for batch in part.batches(CHUNK):
                encoded = tokenizer.encode_flat(batch, max_length)
                lengths.append(encoded.lengths)
                file.write(encoded.ids.data)
                checksum = zlib.crc32(encoded.ids.data, checksum)
                ticks(len(batch))
        np.savez(_about(values), lengths=np.concatenate(lengths), checksum=np.uint32(checksum))

    def fill(aside: Path) -> None:
        first, second = aside / VALUES, aside / "second.bin"
        if not _pays_to_halve(texts, tokenizer):
            write(texts, first)
        else:
            early, late = halves_of(texts)
            halved(lambda: write(early, first), lambda: write(late, second))
        lengths, checksums[VALUES] = _read_about(first)
        if second.exists():
            more, checksum = _read_about(second)
            checksums[VALUES] = crc_of_both(checksums[VALUES], checksum, second.stat().st_size)
            lengths = np.concatenate([lengths, more])
            _append(second, first)
        np.save(aside / "offsets.npy", np.cumsum(np.concatenate([np.zeros(1, np.int64), lengths])))
        for path in (second, _about(first), _about(second)):
            path.unlink(missing_ok=True)

    make_entry(folder, fill, checksums)
    return Tokens(folder)


def _pays_to_halve(texts: Texts, tokenizer: Tokenizer) -> bool:
    return len(texts) >= HALVED and getattr(tokenizer, "uses_one_core", False) and is_possible()


def halves_of(texts: Texts) -> tuple[Texts, Texts]:
    """Return the first and the second half of the texts."""
    early, late = np.array_split(np.arange(len(texts)), 2)
    return texts.at(early), texts.at(late)


def _about(values: Path) -> Path:
    """The file with the lengths of the rows of `values`, and its CRC-32."""
    return values.with_suffix(".npz")


def _read_about(values: Path) -> tuple[npt.NDArray[np.int64], int]:
    with np.load(_about(values), allow_pickle=False) as about:
        return about["lengths"], int(about["checksum"])


def _append(second: Path, first: Path) -> None:
    with second.open("rb") as source, first.open("ab") as target:
        shutil.copyfileobj(source, target, 1 << 24)


def full_lengths(
    texts: Texts, tokenizer: Tokenizer, cache: Path, key: str, ticks: Callable[[int], object]
) -> npt.NDArray[np.int32]:
    """Return the length of each text before any cut, in the tokenizer's unit, (rows,). Arguments as in `tokenise`."""
    folder = cache / "tokens" / _digest(key, tokenizer.fingerprint(), "lengths")

    def counted(part: Texts) -> Iterator[int]:
        for batch in part.batches(CHUNK):
            yield from tokenizer.lengths(batch)
            ticks(len(batch))

    def write(part: Texts, path: Path) -> None:
        np.save(path, np.fromiter(counted(part), np.int32))

    def fill(aside: Path) -> None:
        path, second = aside / "lengths.npy", aside / "second.npy"
        if not _pays_to_halve(texts, tokenizer):
            write(texts, path)
            return
        early, late = halves_of(texts)
        halved(lambda: write(early, path), lambda: write(late, second))
        np.save(path, np.concatenate([np.load(path), np.load(second)]))
        second.unlink()

    make_entry(folder, fill)
    lengths: npt.NDArray[np.int32] = np.load(folder / "lengths.npy")
    return lengths


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
