"""A guard around one logger: if it fails, it is switched off with one warning, and the run continues.

A lost connection, a full disk or a fault in a package must not cost hours of training. The guard also makes the logger,
since making it may fail, and only on the main process of a distributed run. An interrupt is not caught.
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


class FailsafeLogger(RunLogger):
    """Guards `make()` and every call of the logger it returns. Off after the first exception, and on ranks above 0.

    `finish` is tried even after a failure, silently, so that no process or file of a broken logger stays open. The run
    folder keeps the name of a failed logger, so that the end of a sweep can name it.
    """

    def __init__(self, title: str, folder: Path, make: Callable[[], RunLogger]) -> None:
        super().__init__(folder)
        self.title = title
        self._inner: RunLogger | None = None
        if getattr(rank_zero_only, "rank", 0) == 0:
            self._try("start", lambda: self._start(make))

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log with the number of finished steps, as records count; Lightning passes the index of the last step."""
        finished = None if step is None else step + 1
        self._call("log metrics", lambda inner: inner.log_metrics(metrics, finished))

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

    def _call(self, action: str, call: Callable[[RunLogger], Any]) -> None:
        inner = self._inner
        if inner is not None and not self.failed:
            self._try(action, lambda: call(inner))

    def _try(self, action: str, call: Callable[[], Any]) -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - a package may raise anything, and the run matters more
            if not self.failed:
                reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
                log.warning(
                    "logger %s could not %s and is off for the rest of this run, which continues and keeps its own "
                    "record (%s)", self.title, action, reason,
                )  # fmt: skip
                with suppress(OSError):  # the same full disk, perhaps
                    mark_lost(self.folder, self.title, reason)
            self.failed = True
            if self._inner is not None:
                self._inner.failed = True
