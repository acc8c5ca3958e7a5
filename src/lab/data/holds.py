"""Which entries of the cache living processes use: a shared lock on a file in each, freed with the process.

An entry is held from its being found until `let_go` or the end of the process (and of those forked from it), so nothing
is removed that a loader process may still open by its path. `flock(2)` has the rules. The lock is on a file, not on the
folder: on NFS a file's lock is known to all machines, a folder's to one. Where nothing can be locked (Windows, a file
system that refuses, an entry that others own) nothing is held, and whoever removes goes by the time of last use.
"""

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

if sys.platform != "win32":
    import fcntl

log = logging.getLogger(__name__)

NAME = ".held"
"""The file that is locked; empty."""
_HELD: dict[Path, int] = {}
"""Open files of this process by the folder they are in."""


def hold(folder: Path) -> bool:
    """Keep a folder from being removed; False where there is none or it is being removed."""
    handle = _HELD.get(folder)
    if handle is not None and _is(folder, handle):
        return True
    release(folder)
    try:
        handle = _opened(folder)
        if handle is None:
            return folder.is_dir()
        _HELD[folder] = handle
        _lock(handle, shared=True)
    except BlockingIOError:
        release(folder)
        return False
    except OSError:
        release(folder)
        return folder.is_dir()
    if _is(folder, handle):
        return True
    release(folder)
    return False


def release(folder: Path) -> None:
    """Hold a folder no longer. What is mapped into memory stays readable, whoever removes it."""
    handle = _HELD.pop(folder, None)
    if handle is not None:
        os.close(handle)


def let_go() -> None:
    """Hold nothing any longer."""
    for folder in list(_HELD):
        release(folder)


@contextlib.contextmanager
def letting_go() -> Iterator[None]:
    """Hold nothing after the block, nor what was held before it; also a decorator of a function."""
    let_go()
    try:
        yield
    finally:
        let_go()


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[bool | None]:
    """Whether nobody holds a folder, and nobody can while this lasts; None where that cannot be told."""
    try:
        handle = os.open(folder / NAME, os.O_RDWR) if sys.platform != "win32" else None
    except OSError:
        handle = None  # nobody has held it yet, or it is another user's
    if handle is None:
        yield None
        return
    try:
        free: bool | None = True
        try:
            _lock(handle, shared=False)
        except BlockingIOError:
            free = False
        except OSError:
            free = None
        yield free
    finally:
        os.close(handle)


@contextlib.contextmanager
def turn(path: Path, waiting: Callable[[], object] | None = None) -> Iterator[bool]:
    """Whether this process alone has the lock file `path`, for the length of the block.

    Where another has it, `waiting` is called and it is waited for; without `waiting` that is False. False, with a
    warning, where nothing can be locked.
    """
    with contextlib.ExitStack() as opened:
        yield _taken(path, waiting, opened)


def _taken(path: Path, waiting: Callable[[], object] | None, opened: contextlib.ExitStack) -> bool:
    """opened: closes the file, and with it frees the lock, whatever ends the block or the waiting."""
    if sys.platform == "win32":
        return False
    try:
        handle = _writable(path)
        opened.callback(os.close, handle)
        try:
            _lock(handle, shared=False)
        except BlockingIOError:
            if waiting is None:
                return False
            waiting()
            fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError as error:
        log.warning("%s cannot be locked (%s): another process may do the same work meanwhile", path, error)
        return False
    return True


def _writable(path: Path) -> int:
    """The open file, made where it is not there; another user's is opened to be read, which is enough for a lock."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:
        return os.open(path, os.O_RDONLY)


def _opened(folder: Path) -> int | None:
    """The file to lock, made where it is not there; None where nothing can be locked."""
    if sys.platform == "win32" or not folder.is_dir():
        return None
    return _writable(folder / NAME)


def _lock(handle: int, shared: bool) -> None:
    """Raises BlockingIOError where another has a lock that excludes this one, other OSErrors where there are none."""
    if sys.platform != "win32":
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)


def _is(folder: Path, handle: int) -> bool:
    """Whether the path still leads to the file that was opened."""
    try:
        return os.path.samestat((folder / NAME).stat(), os.fstat(handle))
    except OSError:
        return False
