"""Ends ranks that do not answer after a stop from outside: rank 0 would wait for them inside torch, deaf to signals.

Python runs the handler of a signal between two of its own instructions, and none runs while a reduction waits for a
rank that hangs. The kernel writes the signal's number into a pipe meanwhile, which a thread reads.
"""

import os
import select
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from subprocess import Popen

from lab.callbacks.loop.interruption import PATIENCE_S

STOPS = {signal.SIGINT, signal.SIGTERM}


class Watch:
    """`was_needed`: whether ranks were killed because the fit went on for `patience_s` after a signal."""

    def __init__(self, processes: Mapping[int, Popen[bytes]], patience_s: float) -> None:
        self.processes, self.patience_s = processes, patience_s
        self.was_needed = False
        self.ended = threading.Event()

    def read(self, pipe: int) -> None:
        """Read the numbers of signals until the fit has ended."""
        deadline = float("inf")
        while not self.ended.is_set():
            if select.select([pipe], [], [], 0.2)[0] and STOPS & set(os.read(pipe, 64)):
                deadline = min(deadline, time.monotonic() + self.patience_s)
            if time.monotonic() >= deadline:
                self.was_needed = True
                for process in self.processes.values():
                    process.kill()
                return


@contextmanager
def watching(processes: Mapping[int, Popen[bytes]], patience_s: float = PATIENCE_S + 5) -> Iterator[Watch]:
    """Watch for the duration of a fit. Does nothing outside the main thread, where no signal arrives."""
    watch = Watch(processes, patience_s)
    if threading.current_thread() is not threading.main_thread() or not processes:
        yield watch
        return
    reads, writes = os.pipe()
    for end in (reads, writes):
        os.set_blocking(end, False)
    before = signal.set_wakeup_fd(writes, warn_on_full_buffer=False)
    thread = threading.Thread(target=watch.read, args=(reads,), daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        watch.ended.set()
        signal.set_wakeup_fd(before)
        thread.join()
        for end in (reads, writes):
            with suppress(OSError):
                os.close(end)
