"""What stops a sweep: its time, or Ctrl-C and SIGTERM, counted instead of raised: the loop asks when it is ready to."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupts:
    """count: presses of Ctrl-C so far; a SIGTERM, which a cluster sends but once, counts as two."""

    def __init__(self, timeout_s: float | None = None) -> None:
        self.count, self.timeout_s = 0, timeout_s
        self.deadline = float("inf") if timeout_s is None else time.monotonic() + timeout_s

    def asked(self) -> tuple[str, bool] | None:
        """Why no further trial is to start, and whether those that run are to stop too; None while all is well."""
        if time.monotonic() > self.deadline:
            return f"its time of {self.timeout_s:g} s is over", True
        if self.count >= 2:
            return "stopped by a second Ctrl-C or SIGTERM", True
        return ("stopped by Ctrl-C", False) if self.count else None

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Signals go to the main thread; in another one nothing is counted."""

        def heard(number: int, _: FrameType | None) -> None:
            self.count += 2 if number == signal.SIGTERM else 1

        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, heard) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
