"""Requests to stop a sweep: its time limit, or Ctrl-C and SIGTERM, which are counted for the loop."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupts:
    """The requests so far. count: Ctrl-C counts as one, SIGTERM as two, because a cluster sends it only once."""

    def __init__(self, timeout_s: float | None = None) -> None:
        self.count, self.timeout_s = 0, timeout_s
        self.deadline = float("inf") if timeout_s is None else time.monotonic() + timeout_s

    def requested(self) -> tuple[str, bool] | None:
        """Return why no further trial starts, and whether running trials stop too; None without a request."""
        if time.monotonic() > self.deadline:
            return f"its time limit of {self.timeout_s:g} s is over", True
        if self.count >= 2:
            return "stopped by a second Ctrl-C or SIGTERM", True
        return ("stopped by Ctrl-C", False) if self.count else None

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count signals inside the block. Only the main thread receives signals; in others nothing is counted."""

        def count(number: int, _: FrameType | None) -> None:
            self.count += 2 if number == signal.SIGTERM else 1

        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, count) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
