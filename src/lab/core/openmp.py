"""The way torch's threads wait for each other: they spin for a moment on a quiet machine and sleep on a busy one.

Spinning, libgomp's default, is slow as soon as other processes run: an epoch of 4 s took 78 s together with two busy
processes. Sleeping costs a tenth on a quiet machine. 2,000 spins cost almost nothing on a quiet machine, and a third if
it becomes busy later (`benchmarks/speed/threads.py`). Must be called before torch is imported.
"""

import os
import sys
import time
from collections.abc import MutableMapping
from contextlib import suppress
from pathlib import Path

SPINS = "2000"
NAMES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
LOOKS, APART_S = 3, 0.005
SHARED = "LAB_SHARED_CORES"
"""Environment variable of a sweep's jobs: the cores that its slots share, if each job got its share by default."""


def settle(environment: MutableMapping[str, str]) -> None:
    """Set the way of waiting in `environment`, unless it is set already."""
    if any(name in environment for name in NAMES):
        return
    if sys.platform == "linux" and quiet(others_running(), len(os.sched_getaffinity(0)), os.cpu_count() or 1):
        environment["GOMP_SPINCOUNT"] = SPINS
    else:
        environment["OMP_WAIT_POLICY"] = "PASSIVE"


def quiet(others: int, own: int, cpus: int) -> bool:
    """Return whether every thread has a core to itself.

    others: running threads of other processes; own: threads this process will have; cpus: cores of the machine.
    """
    return others + own <= cpus


def others_running(proc: Path = Path("/proc")) -> int:
    """Return the number of running threads of other processes: the smallest of a few counts."""
    counts = []
    for look in range(LOOKS):
        if look:
            time.sleep(APART_S)
        everywhere = int((proc / "loadavg").read_text(encoding="ascii").split()[3].partition("/")[0])
        counts.append(everywhere - _own_running(proc / "self" / "task"))
    return max(0, min(counts))


def _own_running(tasks: Path) -> int:
    """Return the number of this process's running threads; those of numpy run for a moment after its import."""
    count = 0
    for stat in tasks.glob("*/stat"):
        with suppress(OSError):  # the thread has ended
            count += stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0] == "R"
    return count
