"""The cache folder that runs share, one size limit: `tokens/` (tokenised texts), `files/` (Arrow copies of files) and
`states/` (what frozen layers make of texts).

An entry is a folder, made aside under a hidden name and renamed, so nobody reads half of one; of two runs that make the
same entry the second takes what the first left. Each process marks what it uses by its time and locks it
(`entry_locks`): the least recently used go first, what a living process uses never.
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
PARTS = ("tokens", "files", "states")
SEAL = "whole.json"
"""Of a finished entry: size and CRC-32 of each of its files."""
NOTHING: Mapping[str, int] = {}
JUST_USED_S = 60.0
"""What was used so recently may be about to be locked by another process, which made or found it."""
IN_USE_S = 3600.0
"""What was used so recently counts as in use where no lock can tell."""
ABANDONED_S = 86400.0
"""A hidden folder that nothing was written to for so long was left by a process that was killed."""


def made(folder: Path, fill: Callable[[Path], object]) -> None:
    """Let `fill` make `folder` unless it is there, whole; mark it used now."""
    if mark_used(folder):
        with contextlib.suppress(OSError):  # what cannot be read is no better than what is damaged
            if sound(folder):
                return
        log.warning("%s is damaged and is made again", folder)
        with contextlib.suppress(FileNotFoundError):
            folder.rename(damaged := _hidden(folder))
            shutil.rmtree(damaged, ignore_errors=True)
    aside = _hidden(folder)
    aside.mkdir(parents=True)
    try:
        fill(aside)
        seal(aside)
        try:
            aside.rename(folder)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # else another process made it in the meantime
                raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    mark_used(folder)


def seal(folder: Path, known: Mapping[str, int] = NOTHING) -> None:
    """Write down what the files of a finished entry hold: a power cut may leave their sizes and not their content.

    known: CRC-32 of files, by name, where it was computed while they were written.
    """
    files = [path for path in sorted(folder.iterdir()) if path.name != LOCK_NAME]
    content = {
        path.name: [path.stat().st_size, known[path.name] if path.name in known else crc(path)] for path in files
    }
    (folder / SEAL).write_text(json.dumps(content), encoding="utf-8")


def sound(folder: Path, believed: Collection[str] = ()) -> bool:
    """Whether an entry holds what was written. Cost: about 1 s per GiB. Raises OSError where it cannot be read.

    believed: names of files of which only the size is compared.
    """
    try:
        content = json.loads((folder / SEAL).read_text(encoding="utf-8"))
        sizes = all((folder / name).stat().st_size == size for name, (size, _) in content.items())
        return sizes and all(crc(folder / name) == of for name, (_, of) in content.items() if name not in believed)
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return False


def crc(path: Path) -> int:
    """CRC-32 of a file."""
    found = 0
    with path.open("rb") as file:
        while piece := file.read(2**24):
            found = zlib.crc32(piece, found)
    return found


def mark_used(folder: Path) -> bool:
    """Set the time of an entry to now and lock it; False where there is none.

    One that others made may be read and not marked.
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


def taken_gib(cache: Path) -> float:
    """What all entries take, those that are being written too."""
    return sum(_size_and_time(entry)[0] for entry in _folders(cache)) / 2**30


def prune(cache: Path, max_gib: float) -> int:
    """Remove least recently used entries until those that may be removed take at most `max_gib`; gives their number.

    What a living process uses, or was used within the minute, stays, whatever the limit. Other processes may make and
    remove entries meanwhile.
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
        if _removed(entry, now):
            total, removed = total - size, removed + 1
    return removed


def _folders(cache: Path) -> Iterator[Path]:
    for part in PARTS:
        with contextlib.suppress(FileNotFoundError):
            yield from [entry for entry in (cache / part).iterdir() if entry.is_dir()]


def _size_and_time(entry: Path) -> tuple[int, float]:
    """Bytes, and the latest time anything in it was written or marked; what vanishes meanwhile counts as nothing."""
    size, latest = 0, 0.0
    inside = (Path(folder, name) for folder, folders, files in os.walk(entry) for name in (*folders, *files))
    for path in (entry, *inside):
        with contextlib.suppress(FileNotFoundError):
            stat = path.stat()
            size, latest = size + stat.st_size, max(latest, stat.st_mtime)
    return size, latest


def _removed(entry: Path, now: float) -> bool:
    """Whether the entry was removed: not where it is in use or another process was first."""
    aside = _hidden(entry)
    if _size_and_time(entry)[1] > now - JUST_USED_S:  # before it is locked: who finds it meanwhile must be able to
        return False
    with unused(entry) as free:
        if free is False or (free is None and _size_and_time(entry)[1] > now - IN_USE_S):
            return False
        try:
            entry.rename(aside)  # at once, so that nobody opens half of it
        except OSError:  # another process was first, or it may not be moved
            return False
    shutil.rmtree(aside, ignore_errors=True)
    return True


def _removable(entry: Path) -> bool:
    """Not another user's: what can be moved and not emptied would be lost to its owner and keep its bytes."""
    return os.access(entry, os.W_OK) and os.access(entry.parent, os.W_OK)


def _hidden(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:12]}.part")
