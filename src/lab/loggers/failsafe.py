"""A fence around one logger: when it fails, one warning is given, it is switched off, and the run goes on.

A lost connection, a full disk or a fault in somebody's package must not cost hours of training. Not even making the
logger may: it is made here, from a function, and on the main process of a distributed run only. An interrupt is not
caught; it is not the logger's fault.
"""

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from lightning_utilities.core.rank_zero import rank_zero_only

from lab.core.record.fields import Status
from lab.core.record.tracking_ids import mark_lost
from lab.loggers.base import Outcome, RunLogger

log = logging.getLogger(__name__)


class Guarded(RunLogger):
    """`make()` and every call of what it returned, fenced. Off from the first exception on, and on ranks above 0.

    `finish` is tried even after a failure, silently, so that no process or file of a broken logger stays open. What was
    lost is kept in the run folder, for the end of a sweep to name.
    """

    def __init__(self, title: str, folder: Path, make: Callable[[], RunLogger]) -> None:
        super().__init__(folder)
        self.title = title
        self._inner: RunLogger | None = None
        if getattr(rank_zero_only, "rank", 0) == 0:
            self._try("start", lambda: self._start(make))

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Lightning names a step by its index; records, and therefore loggers, by how many steps are done."""
        done = None if step is None else step + 1
        self._call("log metrics", lambda inner: inner.log_metrics(metrics, done))

    def save(self) -> None:
        self._call("save", lambda inner: inner.save())

    def finalize(self, status: str) -> None:
        self._call("save", lambda inner: inner.finalize(status))

    def log_outcome(self, outcome: Outcome) -> None:
        self._call("log the outcome", lambda inner: inner.log_outcome(outcome))

    def finish(self, status: Status, reason: str = "") -> None:
        inner, self._inner = self._inner, None
        if inner is not None:
            self._try("finish", lambda: inner.finish(status, reason))

    def _start(self, make: Callable[[], RunLogger]) -> None:
        self._inner = make()

    def _call(self, what: str, call: Callable[[RunLogger], Any]) -> None:
        inner = self._inner
        if inner is not None and not self.failed:
            self._try(what, lambda: call(inner))

    def _try(self, what: str, call: Callable[[], Any]) -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - whatever somebody's package raises, the run matters more
            if not self.failed:
                reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
                told = (
                    "logger %s could not %s and is off for the rest of this run, which goes on and keeps its own record"
                )
                log.warning(f"{told} (%s)", self.title, what, reason)
                with suppress(OSError):  # the same full disk, perhaps
                    mark_lost(self.folder, self.title, reason)
            self.failed = True
            if self._inner is not None:
                self._inner.failed = True
