"""The cache folder that runs share, with one size limit: `tokens/` (tokenised texts), `files/` (Arrow copies of files),
`states/` (outputs of frozen layers) and `baselines/` (what simple models give for validation and test rows).

An entry is a folder that is made under a hidden name and then renamed, so no process reads an incomplete one; if two
runs make the same entry, the first one is kept. Each process updates the time of an entry that it uses and locks it
(`entry_locks`). Least recently used entries are removed first. Entries that a living process uses are never removed.
"""

import contextlib
import errno
import json
import logging
import os
import shutil
import time
import uuid
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from lab.data.cache.entry_locks import NAME as LOCK_NAME
from lab.data.cache.entry_locks import lock_entry, unused

log = logging.getLogger(__name__)
PARTS = ("tokens", "files", "states", "baselines")
SEAL = "whole.json"
"""File of a finished entry with the size and CRC-32 of each of its other files."""
NO_CHECKSUMS: Mapping[str, int] = {}
JUST_USED_S = 60.0
"""An entry used so recently may be about to be locked by another process."""
IN_USE_S = 3600.0
"""An entry used so recently counts as in use where locks do not work."""
ABANDONED_S = 86400.0
"""A hidden folder without changes for so long was left by a process that was killed."""


def make_entry(folder: Path, fill: Callable[[Path], object], known: Mapping[str, int] = NO_CHECKSUMS) -> None:
    """Make `folder` with `fill` unless it exists undamaged; mark it as used. known: as in `seal`, once it is filled."""
    if mark_used(folder):
        with contextlib.suppress(OSError):  # an unreadable entry is treated as damaged
            if is_intact(folder):
                return
        log.warning("%s is damaged and is made again", folder)
        with contextlib.suppress(FileNotFoundError):
            folder.rename(damaged := _hidden(folder))
            shutil.rmtree(damaged, ignore_errors=True)
    aside = _hidden(folder)
    aside.mkdir(parents=True)
    try:
        fill(aside)
        seal(aside, known)
        try:
            aside.rename(folder)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # otherwise another process has made it meanwhile
                raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    mark_used(folder)


def seal(folder: Path, known: Mapping[str, int] = NO_CHECKSUMS) -> None:
    """Write the checksums of a finished entry's files, since a power cut may keep their sizes but lose their content.

    known: CRC-32 of files, by name, that was computed while they were written.
    """
    files = [path for path in sorted(folder.iterdir()) if path.name != LOCK_NAME]
    content = {
        path.name: [path.stat().st_size, known[path.name] if path.name in known else crc(path)] for path in files
    }
    (folder / SEAL).write_text(json.dumps(content), encoding="utf-8")


def is_intact(folder: Path, size_only: Collection[str] = ()) -> bool:
    """Return whether an entry is undamaged. Cost: about 1 s per GiB. Raises OSError if it cannot be read.

    size_only: names of files of which only the size is checked.
    """
    try:
        content = json.loads((folder / SEAL).read_text(encoding="utf-8"))
        sizes = all((folder / name).stat().st_size == size for name, (size, _) in content.items())
        return sizes and all(crc(folder / name) == code for name, (_, code) in content.items() if name not in size_only)
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return False


def crc(path: Path) -> int:
    """Return the CRC-32 of a file."""
    code = 0
    with path.open("rb") as file:
        while piece := file.read(2**24):
            code = zlib.crc32(piece, code)
    return code


def crc_of_both(first: int, second: int, num_bytes: int) -> int:
    """Return the CRC-32 of two parts together from the CRC-32 of each. num_bytes: of the second part.

    The first one is multiplied by x^(8 num_bytes) modulo the polynomial of CRC-32, as zlib's crc32_combine does.

    >>> crc_of_both(zlib.crc32(b"una "), zlib.crc32(b"bomba"), 5) == zlib.crc32(b"una bomba")
    True
    """
    power, factor, bits = 1 << 31, 1 << 23, num_bytes  # 1 and x^8: the highest bit is that of x^0
    while bits:
        if bits & 1:
            power = _product(power, factor)
        factor, bits = _product(factor, factor), bits >> 1
    return _product(power, first) ^ second


def _product(one: int, other: int) -> int:
    """The product of two polynomials modulo that of CRC-32."""
    result = 0
    for place in range(31, -1, -1):
        if one >> place & 1:
            result ^= other
        other = other >> 1 ^ (0xEDB88320 if other & 1 else 0)
    return result


def mark_used(folder: Path) -> bool:
    """Set the time of an entry to now and lock it; return False if it does not exist.

    An entry of another user can be read but perhaps not marked.
    """
    if not lock_entry(folder):
        return False
    try:
        os.utime(folder)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        return folder.is_dir()
    return True


def size_gib(cache: Path) -> float:
    """Return the size of all entries in GiB, with those that are being written."""
    return sum(_size_and_time(entry)[0] for entry in _folders(cache)) / 2**30


def prune(cache: Path, max_gib: float) -> int:
    """Remove the least recently used entries until the removable ones take at most `max_gib`; return how many were
    removed.

    Entries that a living process uses, or that were used within the last minute, are kept whatever the limit. Other
    processes may make and remove entries meanwhile.
    """
    now, entries = time.time(), []
    for entry in _folders(cache):
        size, used_s = _size_and_time(entry)
        if not entry.name.startswith("."):
            if _removable(entry):
                entries.append((used_s, size, entry))
        elif now - used_s > ABANDONED_S:
            shutil.rmtree(entry, ignore_errors=True)
    total, removed = sum(size for _, size, _ in entries), 0
    for _, size, entry in sorted(entries):
        if total <= max_gib * 2**30:
            break
        if _remove(entry, now):
            total, removed = total - size, removed + 1
    return removed


def _folders(cache: Path) -> Iterator[Path]:
    for part in PARTS:
        with contextlib.suppress(FileNotFoundError):
            yield from [entry for entry in (cache / part).iterdir() if entry.is_dir()]


def _size_and_time(entry: Path) -> tuple[int, float]:
    """Bytes of an entry, and the latest time of its content; files that vanish meanwhile are ignored."""
    size, latest = 0, 0.0
    inside = (Path(folder, name) for folder, folders, files in os.walk(entry) for name in (*folders, *files))
    for path in (entry, *inside):
        with contextlib.suppress(FileNotFoundError):
            stat = path.stat()
            size, latest = size + stat.st_size, max(latest, stat.st_mtime)
    return size, latest


def _remove(entry: Path, now: float) -> bool:
    """Remove an entry; return False if it is in use or another process was first."""
    aside = _hidden(entry)
    if _size_and_time(entry)[1] > now - JUST_USED_S:  # before locking it: another process may be about to lock it
        return False
    with unused(entry) as free:
        if free is False or (free is None and _size_and_time(entry)[1] > now - IN_USE_S):
            return False
        try:
            entry.rename(aside)  # in one step, so that no process opens half of it
        except OSError:  # another process was first, or it may not be moved
            return False
    shutil.rmtree(aside, ignore_errors=True)
    return True


def _removable(entry: Path) -> bool:
    """Return whether this user may remove an entry. An entry of another user could be moved but not
    emptied: its owner would lose it and no space would become free."""
    return os.access(entry, os.W_OK) and os.access(entry.parent, os.W_OK)


def _hidden(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:12]}.part")
