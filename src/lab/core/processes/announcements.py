"""Signals by which a scheduler announces the end of a job, in time for a checkpoint.

SLURM sends one to every process of the job, so a process that has nothing to save must not end by it.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

ANNOUNCEMENTS = (signal.SIGUSR1, signal.SIGUSR2) if hasattr(signal, "SIGUSR1") else ()
"""Signals that end a process which does not answer them; submitit uses one of them."""


@contextmanager
def blocked() -> Iterator[None]:
    """Block the announcements inside the block: programs that are started there never receive them.

    One that arrives for this process is answered after the block.
    """
    if not ANNOUNCEMENTS:
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ANNOUNCEMENTS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
