"""Locks that show which cache entries living processes use: a shared lock on a file in each entry.

A process locks an entry when it first uses it and keeps the lock until `unlock_all` or its end, so an entry is not
removed while this process or one of its loader processes may still open it by its path. The lock is on a file, not on
the folder: on NFS all machines see a file's lock, but only one sees a folder's. Where locks do not work
(`lab.core.locks`, or an entry of another user), the time of last use decides whether an entry may be removed.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from lab.core.locks import Lock

NAME = ".lock"
"""The empty file that is locked."""
_locks: dict[Path, Lock] = {}
"""Locks of this process, by folder."""


def lock_entry(folder: Path) -> bool:
    """Keep a folder from being removed; return False if it does not exist or is being removed."""
    known = _locks.get(folder)
    if known is not None and known.in_place:
        return True
    unlock_entry(folder)
    if not folder.is_dir():
        return False
    try:
        lock = _locks[folder] = Lock(folder / NAME)
        if lock.acquire(shared=True) and lock.in_place:
            return True
    except OSError:
        unlock_entry(folder)
        return folder.is_dir()
    unlock_entry(folder)
    return False


def unlock_entry(folder: Path) -> None:
    """Allow a folder to be removed. Content that is mapped into memory stays readable."""
    lock = _locks.pop(folder, None)
    if lock is not None:
        lock.close()


def unlock_all() -> None:
    """Unlock all entries that this process has locked."""
    for folder in list(_locks):
        unlock_entry(folder)


@contextlib.contextmanager
def unlocking_after() -> Iterator[None]:
    """Unlock all entries before and after a block; also usable as a decorator."""
    unlock_all()
    try:
        yield
    finally:
        unlock_all()


@contextlib.contextmanager
def unused(folder: Path) -> Iterator[bool | None]:
    """Yield whether no process uses a folder, and keep processes from using it; None if that cannot be determined."""
    free: bool | None
    lock = None
    try:
        lock = Lock(folder / NAME, make=False)
        free = lock.acquire()
    except OSError:
        free = None  # not used yet, or locks do not work
    try:
        yield free
    finally:
        if lock is not None:
            lock.close()
