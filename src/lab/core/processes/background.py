"""Work of a run in a copy of its process (fork), beside the run: its results are files. Linux only.

The copy has all data of the process without reading them again. It says nothing, ends with the process, and has a lower
priority, so that the run goes first where no core is idle. It may use no GPU and no more than one thread of torch.
"""

import contextlib
import ctypes
import gc
import logging
import math
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from lab.core.processes.announcements import ANNOUNCEMENTS

PR_SET_PDEATHSIG = 1
"""As sys/prctl.h numbers it."""
NICENESS = 5
IDLE_S, POLL_S = 60.0, 0.05
"""How long work may use no CPU while it is waited for, and the time between two looks."""
HANDLED = (signal.SIGINT, signal.SIGTERM, *ANNOUNCEMENTS)
"""Signals for which a run may have handlers, which the copy must not carry out."""
CPU_QUOTA, OOM_SCORE = Path("/sys/fs/cgroup/cpu.max"), Path("/proc/self/oom_score_adj")


def is_possible() -> bool:
    """Whether this system can copy a process, and has a second core for the copy."""
    return sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1 and _cpu_quota() > 1


def _cpu_quota() -> float:
    """CPUs that a container may use; infinity without a limit. Source of the file: Linux, Control Group v2."""
    try:
        quota, period = CPU_QUOTA.read_text().split()
        return int(quota) / int(period)
    except (OSError, ValueError):  # no such file, or "max"
        return math.inf


class Background:
    """One piece of work. Use it as a context manager: the copy does not outlive the block.

    niceness: what the priority of the copy is lowered by.
    """

    def __init__(self, niceness: int = NICENESS) -> None:
        self.niceness = niceness
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
        # A signal that came first in the copy would make the handlers of the run end the run there.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # work must not need other threads: not copied
                pid = os.fork()
            if pid == 0:
                _carry_out(work, parent, self.niceness, before)
            self._pid = pid
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def wait(self, idle_s: float = IDLE_S, most_s: float = math.inf) -> bool:
        """Wait for the end; return whether all of the work was done. False if none was started.

        idle_s: work that has used no CPU for so many seconds is ended: a lock that a thread of the process owned when
        it was copied is never given back in the copy. most_s: seconds of waiting after which the work is ended whatever
        it does; then raises TimeoutError.
        """
        used, since = -1.0, time.monotonic()
        until = since + most_s
        while self._pid is not None:
            try:
                pid, status = os.waitpid(self._pid, os.WNOHANG)
            except ChildProcessError:  # somebody else has waited for all children
                self._pid = None
                return False
            if pid:
                self._pid = None
                return status == 0
            if (now := _cpu_s(self._pid)) != used:
                used, since = now, time.monotonic()
            elif time.monotonic() - since > idle_s:
                self.stop()
                return False
            if time.monotonic() > until:
                self.stop()
                raise TimeoutError
            time.sleep(POLL_S)
        return False

    def stop(self) -> None:
        """End the work at once, if it is still going on."""
        pid, self._pid = self._pid, None
        with contextlib.suppress(ChildProcessError):  # somebody else has waited for it: the number may be another's
            if pid is not None and os.waitpid(pid, os.WNOHANG)[0] == 0:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


def _cpu_s(pid: int) -> float:
    """Seconds of CPU that a process has used; NaN if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return math.nan
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def halved(own: Callable[[], object], other: Callable[[], object]) -> None:
    """Do two independent pieces of work, whose results are files or which change nothing: `other` in a copy of the
    process, or here where the copy fails."""
    with Background(niceness=0) as copy:
        try:
            copy.start(other)
        except OSError:
            own()
            other()
            return
        own()
        if not copy.wait():
            other()


def _carry_out(work: Callable[[], object], parent: int, niceness: int, mask: set[signal.Signals | int]) -> NoReturn:
    """mask: the signals that were blocked before the copy was made."""
    code = 1
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(code)
        signal.set_wakeup_fd(-1)
        for number in HANDLED:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        gc.freeze()  # garbage of the run has endings that are the run's
        with contextlib.suppress(OSError):
            OOM_SCORE.write_text("1000")  # where memory ends, the copy ends and not the run
        logging.disable()
        silence = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(silence, descriptor)
        os.nice(niceness)
        work()
        code = 0
    finally:
        os._exit(code)
