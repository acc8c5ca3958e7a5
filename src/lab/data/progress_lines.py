"""Log lines during long work over rows: rows done, speed, remaining time."""

import logging
import time
from collections.abc import Callable

log = logging.getLogger(__name__)
EVERY_S = 30.0
"""Seconds between two lines."""


def ticker(
    what: str, total: int, unit: str = "texts", clock: Callable[[], float] = time.monotonic
) -> Callable[[int], None]:
    """Return a function to call with the number of rows of each finished piece. what: the work; total: all rows."""
    began = last_line = clock()
    done = 0

    def tick(rows: int) -> None:
        nonlocal done, last_line
        done, now = done + rows, clock()
        if now - last_line >= EVERY_S:
            last_line, rate = now, done / (now - began)
            log.info("%s: %d of %d %s, %.0f/s, about %.0f s left", what, done, total, unit, rate, (total - done) / rate)

    return tick
