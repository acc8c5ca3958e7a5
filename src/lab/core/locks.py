"""Locks between processes: `flock(2)` on a file, which the kernel frees when its process ends, however it ends.

Clocks, host names and process numbers do not decide who has a lock; the text in a lock file is only for messages. A
forked process shares its parent's locks, so a loader worker that outlives a killed run would keep the run locked.
Therefore a forked process closes them, except `inherited` locks inside `passing_on()`: trials keep the lock of their
controller. On a file system without locks (Windows, some network folders) nothing is locked, after one warning.
"""

import errno
import logging
import math
import os
import platform
import re
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

if sys.platform != "win32":
    import fcntl

log = logging.getLogger(__name__)

PATIENCE_S = 1.0
"""Seconds that a killed process may take to disappear."""
LOOK_S = 0.05
NO_LOCKS = {
    errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EBADF, errno.EROFS, errno.EACCES, errno.EPERM,
}  # fmt: skip
"""Error numbers of a file system without locks, and of a read-only folder."""
_HOLDER = re.compile(r"(\d{1,10}) ([\w.-]{1,64})\n")
_open: set["Lock"] = set()
_passing_on = False
_warned: set[Path] = set()


class Taken(Exception):
    """Another process has the lock; the message names that process."""


class LockError(OSError):
    """The path is no plain file: a link could lead out of the folder, a pipe would wait."""


class Lock:
    """An open file that can be locked. Raises OSError if it can be neither opened nor made, LockError if it is no file.

    inherited: whether a process that is forked inside `passing_on()` keeps the lock.
    """

    def __init__(self, path: Path, *, inherited: bool = False, make: bool = True) -> None:
        self.path, self.inherited = path, inherited
        self.descriptor: int | None = _opened(path, make)
        _open.add(self)

    def acquire(self, *, shared: bool = False, blocking: bool = False) -> bool:
        """Lock the file; return False if another process has it. Raises OSError if the file system has no locks."""
        if sys.platform == "win32":
            raise OSError(errno.ENOSYS, "no locks on Windows", str(self.path))
        assert self.descriptor is not None
        how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(self.descriptor, how if blocking else how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        """Unlock, also for processes that share the lock; the file stays open."""
        if sys.platform != "win32" and self.descriptor is not None:
            fcntl.flock(self.descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the file, which unlocks it."""
        _open.discard(self)
        descriptor, self.descriptor = self.descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    @property
    def in_place(self) -> bool:
        """Return whether the file is open and still at its path."""
        try:
            return self.descriptor is not None and os.path.samestat(self.path.stat(), os.fstat(self.descriptor))
        except OSError:
            return False

    def sign(self, name: str) -> None:
        """Write who has the lock, for the message of another process."""
        if self.descriptor is None:  # closed after a fork
            return
        with suppress(OSError):  # a full disk, or another user's file: the file is locked nevertheless
            os.ftruncate(self.descriptor, 0)
            os.pwrite(self.descriptor, name.encode(), 0)


@contextmanager
def exclusive(path: Path, waiting: Callable[[], object] | None = None) -> Iterator[bool]:
    """Lock the file `path` for the duration of the block; yield whether that succeeded.

    If another process has the lock: with `waiting`, call it and wait for the lock; without, yield False. False, with a
    warning, if the file system has no locks.
    """
    lock = None
    try:
        try:
            lock = Lock(path)
            locked = lock.acquire()
            if not locked and waiting is not None:
                waiting()
                locked = lock.acquire(blocking=True)
        except OSError as error:
            warn(path, error)
            locked = False
        yield locked
    finally:
        if lock is not None:
            lock.close()


@contextmanager
def sole(
    path: Path,
    waiting: Callable[[str], object] | None = None,
    *,
    patience_s: float = PATIENCE_S,
    most_s: float = math.inf,
    inherited: bool = False,
) -> Iterator[None]:
    """Lock and sign the file `path` for the duration of the block; a nested block of the same process does nothing.

    If another process has the lock for longer than `patience_s`: with `waiting`, call it with that process's name and
    wait, for `most_s` seconds in all; without, or after these, raise Taken. Raises OSError if the file cannot be opened
    (LockError, a full disk); a file system without locks is only a warning.
    """
    if any(lock.path == path.absolute() and lock.in_place for lock in _open):
        yield
        return
    lock = None
    try:
        lock = Lock(path.absolute(), inherited=inherited)
        _wait(lock, waiting, patience_s, most_s)
        lock.sign(f"{os.getpid()} {platform.node()}\n")
    except OSError as error:
        if lock is not None:
            lock.close()
            lock = None
        if error.errno not in NO_LOCKS:
            raise
        warn(path, error)
    except BaseException:
        if lock is not None:
            lock.close()
        raise
    try:
        yield
    finally:
        if lock is not None:
            lock.sign("")
            lock.close()


def _wait(lock: Lock, waiting: Callable[[str], object] | None, patience_s: float, most_s: float) -> None:
    start, was_said = time.monotonic(), False
    while not lock.acquire():
        waited_s = time.monotonic() - start
        if waited_s >= (patience_s if waiting is None else most_s):
            raise Taken(holder(lock.path))
        if waiting is not None and not was_said and waited_s >= patience_s:
            waiting(holder(lock.path))
            was_said = True
            if most_s == math.inf:
                lock.acquire(blocking=True)
                return
        time.sleep(LOOK_S)


def is_locked(path: Path) -> bool:
    """Return whether a live process has the lock, on any machine that shares the file system; False if unknown."""
    try:
        lock = Lock(path, make=False)
    except OSError:
        return False
    try:
        return not lock.acquire(shared=True)
    except OSError:
        return False
    finally:
        lock.close()


def holder(path: Path) -> str:
    """Return the process that signed a lock file last, in words."""
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            signed = _HOLDER.fullmatch(file.read(128))
    except OSError:
        signed = None
    if signed is None:
        return "another process"
    return f"process {signed[1]}" + ("" if signed[2] == platform.node() else f" on {signed[2]}")


def warn(path: Path, error: OSError) -> None:
    """Warn that a file cannot be locked, once per file and process."""
    if path not in _warned:
        _warned.add(path)
        log.warning(
            "%s cannot be locked (%s): another process may do the same work at the same time",
            path,
            error.strerror or error,
        )


@contextmanager
def passing_on() -> Iterator[None]:
    """Let processes that are forked in the block keep the `inherited` locks, which are free once both have ended."""
    global _passing_on
    _passing_on = True
    try:
        yield
    finally:
        _passing_on = False


def _close_in_child() -> None:
    """Close the locks in a forked process, which does not unlock them for its parent."""
    for lock in list(_open):
        if not (_passing_on and lock.inherited):
            with suppress(OSError):
                lock.close()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_close_in_child)


def _opened(path: Path, make: bool) -> int:
    """Return a descriptor that child programs do not get; read-only, which is enough, for another user's file."""
    flags = os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags | os.O_RDWR | (os.O_CREAT if make else 0), 0o666)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise LockError(error.errno, "is no plain file", str(path)) from error
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        try:
            descriptor = os.open(path, flags | os.O_RDONLY)
        except FileNotFoundError:
            raise error from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise LockError(errno.EEXIST, "is no plain file", str(path))
    return descriptor
