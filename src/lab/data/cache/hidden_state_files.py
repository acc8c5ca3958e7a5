"""A folder of stored hidden states: the numbers of some rows, the digests that identify the rows, and checksums.

Folders are written under a hidden name, then renamed, and never changed; reading checks the checksums (about 1 s per
GiB).
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
from lab.data.cache.store import is_intact, seal

Ints = npt.NDArray[np.int64]
Dtype = Literal["bf16", "fp32"]
STORED: dict[str, tuple[Any, torch.dtype]] = {"bf16": (np.uint16, torch.bfloat16), "fp32": (np.float32, torch.float32)}
"""Types of the numbers in numpy, which has no bf16, and in torch."""
PIECE_BYTES = 2**28
"""A folder of this size is finished, so that it is kept if the process ends."""
VALUES, INDEX = "values.bin", "index.bin"
_ROW = np.dtype([("digest", np.uint8, 16), ("length", "<i8")])


@dataclass(frozen=True)
class Form:
    """Format of stored rows. key: a change of the key makes stored rows invalid; width: numbers per position."""

    key: str
    width: int
    dtype: Dtype

    @property
    def place_bytes(self) -> int:
        """Bytes of one position."""
        return self.width * int(np.dtype(STORED[self.dtype][0]).itemsize)


class Writer:
    """Writes rows as they are computed into folders of about PIECE_BYTES, which stay locked."""

    def __init__(self, folder: Path, form: Form) -> None:
        self.folder, self.form = folder, form
        self.finished: list[Path] = []
        self._aside: Path | None = None
        self._crc = self._size = 0

    def add(self, digests: list[bytes], lengths: Ints, numbers: Tensor) -> None:
        """Write rows. numbers: (sum of lengths, width) on the CPU."""
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
        """Finish the open folder."""
        if self._aside is None:
            return
        self._file.close()
        table = np.concatenate(self._rows).tobytes()
        (self._aside / INDEX).write_bytes(table)
        seal(self._aside, {INDEX: zlib.crc32(table), VALUES: self._crc})
        self._aside.rename(whole := self.folder / self._name)
        lock_entry(whole)  # before the other lock is released, so that the folder is always locked
        unlock_entry(self._aside)
        self.finished.append(whole)
        self._aside = None

    def discard(self) -> None:
        """Remove the open folder."""
        if self._aside is None:
            return
        with contextlib.suppress(OSError):  # the disk may be full
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


def find_rows(entry: Path, form: Form, wanted: Set[bytes], verified: bool) -> dict[bytes, int] | None:
    """Return the first places of the wanted rows in a finished folder; None if the folder is damaged.

    verified: whether this process has read or written its numbers and has kept it locked since then. Raises OSError for
    a folder that cannot be read.
    """
    try:
        if not is_intact(entry, (VALUES,)):
            return {} if not entry.exists() else None  # removed to make room, or damaged
        table = np.frombuffer((entry / INDEX).read_bytes(), _ROW)
        starts = np.cumsum(table["length"]) - table["length"]
        digests = (table["digest"][row].tobytes() for row in range(len(table)))
        places = {digest: int(start) for digest, start in zip(digests, starts, strict=True) if digest in wanted}
        expected = int(table["length"].sum()) * form.place_bytes
        if (entry / VALUES).stat().st_size != expected or (places and not verified and not is_intact(entry, (INDEX,))):
            return None
    except FileNotFoundError:
        return {} if not entry.exists() else None
    except ValueError:  # an index of another layout
        return None
    return places


def open_values(folder: Path, form: Form) -> npt.NDArray[Any]:
    """Return the numbers, memory-mapped: (positions, width)."""
    kind, path = STORED[form.dtype][0], folder / VALUES
    flat = np.memmap(path, kind, "r") if path.stat().st_size else np.empty(0, kind)
    return np.asarray(flat).reshape(-1, form.width)  # a plain view: slicing a memmap costs three times as much
