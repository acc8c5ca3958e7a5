"""A line now and then on long work over rows: how many are done, how fast, how long it still takes."""

import logging
import time
from collections.abc import Callable

log = logging.getLogger(__name__)
EVERY_S = 30.0
"""Between two lines."""


def ticker(
    what: str, total: int, unit: str = "texts", clock: Callable[[], float] = time.monotonic
) -> Callable[[int], None]:
    """To be called with the rows of each piece that is done; total: rows in all."""
    began = said = clock()
    done = 0

    def tick(rows: int) -> None:
        nonlocal done, said
        done, now = done + rows, clock()
        if now - said >= EVERY_S:
            said, rate = now, done / (now - began)
            log.info("%s: %d of %d %s, %.0f/s, about %.0f s left", what, done, total, unit, rate, (total - done) / rate)

    return tick
