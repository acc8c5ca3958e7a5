"""How torch's threads wait for each other: they spin for a moment on a quiet machine and sleep on a busy one.

Spinning, libgomp's default, starves itself as soon as anything else runs: an epoch of 4 s took 78 s beside two busy
processes. Asleep, a quiet machine loses a tenth. 2,000 turns of the loop lose next to nothing where it is quiet, and a
third where it turns busy later (`benchmarks/speed/threads.py`). To be called before torch is imported.
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
"""Variable in the jobs of a sweep: the cores its slots share, where each job got its part of them by default."""


def settle(environment: MutableMapping[str, str]) -> None:
    """Say how to wait, unless the environment does."""
    if any(name in environment for name in NAMES):
        return
    if sys.platform == "linux" and quiet(others_running(), len(os.sched_getaffinity(0)), os.cpu_count() or 1):
        environment["GOMP_SPINCOUNT"] = SPINS
    else:
        environment["OMP_WAIT_POLICY"] = "PASSIVE"


def quiet(others: int, own: int, cpus: int) -> bool:
    """Return whether every thread has a core to itself.

    others: threads of other processes that run now; own: those this one will have; cpus: cores of the machine.
    """
    return others + own <= cpus


def others_running(proc: Path = Path("/proc")) -> int:
    """Threads of other processes that are running now: the least of a few looks."""
    counts = []
    for look in range(LOOKS):
        if look:
            time.sleep(APART_S)
        everywhere = int((proc / "loadavg").read_text(encoding="ascii").split()[3].partition("/")[0])
        counts.append(everywhere - _own_running(proc / "self" / "task"))
    return max(0, min(counts))


def _own_running(tasks: Path) -> int:
    """This process's threads that run now, as those of numpy do for a moment after its import."""
    found = 0
    for stat in tasks.glob("*/stat"):
        with suppress(OSError):  # a thread that has ended meanwhile
            found += stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0] == "R"
    return found
