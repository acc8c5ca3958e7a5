"""Work of a run in a copy of its process (fork), beside the run: its results are files. Linux only.

The copy has all data of the process without reading them again. It says nothing, ends with the process, and has a lower
priority, so that the run goes first where no core is idle. It may use no GPU and no more than one thread of torch.
"""

import contextlib
import ctypes
import logging
import os
import signal
import sys
import warnings
from collections.abc import Callable
from typing import NoReturn

PR_SET_PDEATHSIG = 1
"""As sys/prctl.h numbers it."""
NICENESS = 5


def is_possible() -> bool:
    """Whether this system can copy a process, and has a second core for the copy."""
    return sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1


class Background:
    """One piece of work. Use it as a context manager: the copy does not outlive the block."""

    def __init__(self) -> None:
        self._pid: int | None = None

    def __enter__(self) -> "Background":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def is_running(self) -> bool:
        """Whether the work has been started and not been waited for."""
        return self._pid is not None

    def start(self, work: Callable[[], object]) -> None:
        """Begin. An error of the work ends the copy and nothing else. Raises OSError where no process can be made."""
        parent = os.getpid()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # other threads are not copied: work must not need them
            self._pid = os.fork()
        if self._pid == 0:
            _carry_out(work, parent)

    def wait(self) -> bool:
        """Wait for the end; return whether all of the work was done. False if none was started."""
        pid, self._pid = self._pid, None
        if pid is None:
            return False
        try:
            return os.waitpid(pid, 0)[1] == 0
        except ChildProcessError:  # somebody else has waited for all children
            return False

    def stop(self) -> None:
        """End the work at once, if it is still going on."""
        if self._pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            self.wait()


def _carry_out(work: Callable[[], object], parent: int) -> NoReturn:
    code = 1
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(code)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        logging.disable()
        silence = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(silence, descriptor)
        os.nice(NICENESS)
        work()
        code = 0
    finally:
        os._exit(code)
