"""Which entries of the cache living processes use: a shared lock on a file in each, freed with the process.

An entry is locked from its being found until `unlock_all` or the end of the process, so nothing is removed that it, or
a loader process of it, may still open by its path. The lock is on a file, not on the folder: on NFS a file's lock is
known to all machines, a folder's to one. Where nothing can be locked (`lab.core.locks`, or an entry that others own)
whoever removes goes by the time of last use.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from lab.core.locks import Lock

NAME = ".lock"
"""The file that is locked; empty."""
_locks: dict[Path, Lock] = {}
"""Of this process, by the folder they are in."""


def lock_entry(folder: Path) -> bool:
    """Keep a folder from being removed; False where there is none or it is being removed."""
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
    """What is mapped into memory stays readable, whoever removes the entry."""
    lock = _locks.pop(folder, None)
    if lock is not None:
        lock.close()


def unlock_all() -> None:
    for folder in list(_locks):
        unlock_entry(folder)


@contextlib.contextmanager
def unlocking_after() -> Iterator[None]:
    """Nothing is locked after the block, nor what was locked before it; also a decorator of a function."""
    unlock_all()
    try:
        yield
    finally:
        unlock_all()


@contextlib.contextmanager
def unused(folder: Path) -> Iterator[bool | None]:
    """Whether no process uses a folder, and none can while this lasts; None where that cannot be known."""
    free: bool | None
    lock = None
    try:
        lock = Lock(folder / NAME, make=False)
        free = lock.acquire()
    except OSError:
        free = None  # nobody has used it yet, or there are no locks
    try:
        yield free
    finally:
        if lock is not None:
            lock.close()
