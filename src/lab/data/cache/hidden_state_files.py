"""A folder of stored states: numbers of some rows, the digests that name them, and the cache's seal.

Written aside and renamed, never changed; what is read is checked against its seal (about 1 s per GiB).
"""

import contextlib
import shutil
import uuid
import zlib
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lab.data.cache.entry_locks import lock_entry, unlock_entry
from lab.data.cache.store import seal, sound

Ints = npt.NDArray[np.int64]
Dtype = Literal["bf16", "fp32"]
STORED: dict[str, tuple[Any, torch.dtype]] = {"bf16": (np.uint16, torch.bfloat16), "fp32": (np.float32, torch.float32)}
"""How numpy, which has no bf16, and torch see the numbers."""
PIECE_BYTES = 2**28
"""A folder is finished, and safe from whatever ends the process, once it holds so much."""
VALUES, INDEX = "values.bin", "index.bin"
_ROW = np.dtype([("digest", np.uint8, 16), ("length", "<i8")])


@dataclass(frozen=True)
class Form:
    """What rows of one kind share. key: changes whenever the numbers of a row would; width: numbers per place."""

    key: str
    width: int
    dtype: Dtype

    @property
    def place_bytes(self) -> int:
        return self.width * int(np.dtype(STORED[self.dtype][0]).itemsize)


class Writer:
    """Rows as they are made, in folders of PIECE_BYTES, locked from the start and once finished.

    `close` finishes the last, `drop` takes away what is open.
    """

    def __init__(self, folder: Path, form: Form) -> None:
        self.folder, self.form = folder, form
        self.finished: list[Path] = []
        self._aside: Path | None = None
        self._crc = self._size = 0

    def add(self, digests: list[bytes], lengths: Ints, numbers: Tensor) -> None:
        """numbers: (sum of lengths, width) on the CPU."""
        stored = numbers.to(STORED[self.form.dtype][1]).contiguous()
        assert stored.shape == (lengths.sum(), self.form.width), stored.shape
        if self._aside is None:
            self._open()
        content = stored.view(torch.uint8).numpy().data
        self._crc, self._size = zlib.crc32(content, self._crc), self._size + content.nbytes
        self._file.write(content)
        rows = np.empty(len(digests), _ROW)
        rows["digest"] = np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 16)
        rows["length"] = lengths
        self._rows.append(rows)
        if self._size >= PIECE_BYTES:
            self.close()

    def close(self) -> None:
        if self._aside is None:
            return
        self._file.close()
        table = np.concatenate(self._rows).tobytes()
        (self._aside / INDEX).write_bytes(table)
        seal(self._aside, {INDEX: zlib.crc32(table), VALUES: self._crc})
        self._aside.rename(whole := self.folder / self._name)
        lock_entry(whole)  # before the other lock goes: what is finished early must outlast the rest of the work
        unlock_entry(self._aside)
        self.finished.append(whole)
        self._aside = None

    def drop(self) -> None:
        if self._aside is None:
            return
        with contextlib.suppress(OSError):  # a full disk cannot take what was still to be written
            self._file.close()
        unlock_entry(self._aside)
        shutil.rmtree(self._aside, ignore_errors=True)
        self._aside = None

    def _open(self) -> None:
        self._name = f"{self.form.key}-{uuid.uuid4().hex[:12]}"
        aside = self.folder / f".{self._name}.part"
        aside.mkdir()
        lock_entry(aside)
        self._file = (aside / VALUES).open("wb")
        self._aside = aside
        self._rows: list[npt.NDArray[Any]] = []
        self._crc = self._size = 0


def checked(entry: Path, form: Form, wanted: Set[bytes], believed: bool) -> dict[bytes, int] | None:
    """First places of the wanted rows of a finished folder; None where it is not what was written.

    believed: this process has read or written its numbers already and locked it since. Raises OSError where it cannot
    be read.
    """
    try:
        if not sound(entry, (VALUES,)):
            return {} if not entry.exists() else None  # removed to make room, or torn
        table = np.frombuffer((entry / INDEX).read_bytes(), _ROW)
        starts = np.cumsum(table["length"]) - table["length"]
        held = (table["digest"][row].tobytes() for row in range(len(table)))
        found = {name: int(start) for name, start in zip(held, starts, strict=True) if name in wanted}
        expected = int(table["length"].sum()) * form.place_bytes
        if (entry / VALUES).stat().st_size != expected or (found and not believed and not sound(entry, (INDEX,))):
            return None
    except FileNotFoundError:
        return {} if not entry.exists() else None
    except ValueError:  # an index of another layout
        return None
    return found


def values(folder: Path, form: Form) -> npt.NDArray[Any]:
    """The numbers, memory-mapped: (places, width)."""
    kind, path = STORED[form.dtype][0], folder / VALUES
    flat = np.memmap(path, kind, "r") if path.stat().st_size else np.empty(0, kind)
    return np.asarray(flat).reshape(-1, form.width)  # a plain view: slices of a memmap cost three times as much
