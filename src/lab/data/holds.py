"""Which entries of the cache living processes use: a shared lock on each, which the kernel frees with the process.

An entry is held from its being found until `let_go` or the end of the process (and of those forked from it), so nothing
is removed that a loader process may still open by its path. `flock(2)` has the rules; on Windows, which has no such
lock, and on file systems that refuse it, nothing is held and whoever removes must go by the time of last use.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

if sys.platform != "win32":
    import fcntl

_HELD: dict[Path, int] = {}
"""Open folders of this process by path."""


def hold(folder: Path) -> bool:
    """Keep a folder from being removed; False where there is none or it is being removed."""
    handle = _HELD.get(folder)
    if handle is not None and _is(folder, handle):
        return True
    _close(folder)
    if sys.platform == "win32":
        return folder.is_dir()
    try:
        handle = os.open(folder, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except PermissionError:
        return folder.is_dir()
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return False
    except OSError:
        os.close(handle)
        return folder.is_dir()
    _HELD[folder] = handle
    if _is(folder, handle):
        return True
    _close(folder)
    return False


def let_go() -> None:
    """Hold nothing any longer. What is mapped into memory stays readable, whoever removes it."""
    for folder in list(_HELD):
        _close(folder)


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[bool | None]:
    """Whether nobody holds a folder, and nobody can while this lasts; None where that cannot be told.

    Raises FileNotFoundError where there is none.
    """
    if sys.platform == "win32":
        yield None
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            free: bool | None = True
        except BlockingIOError:
            free = False
        except OSError:
            free = None
        yield free
    finally:
        os.close(handle)


def _is(folder: Path, handle: int) -> bool:
    """Whether the path still leads to the folder that was opened."""
    try:
        return os.path.samestat(folder.stat(), os.fstat(handle))
    except OSError:
        return False


def _close(folder: Path) -> None:
    handle = _HELD.pop(folder, None)
    if handle is not None:
        os.close(handle)
