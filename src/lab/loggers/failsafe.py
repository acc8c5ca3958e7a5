"""A fence around one logger: if it fails, it is switched off with one warning, and the run continues.

A lost connection, a full disk or a fault in a package must not cost hours of training. The fence also makes the logger,
since making it may fail, and only on the main process of a distributed run. An interrupt is not caught. `isinstance`
sees the logger inside the fence, as with the proxies of `weakref`: callbacks find a W&B or a TensorBoard logger.
"""

import logging
from argparse import Namespace
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers.logger import DummyLogger
from lightning_utilities.core.rank_zero import rank_zero_only

from lab.core.record.fields import Status
from lab.core.record.tracking_ids import mark_lost
from lab.loggers.base import Outcome, RunLogger

log = logging.getLogger(__name__)


class FailsafeLogger(RunLogger):
    """Guards `make()` and every call of the logger it returns. Off after the first exception, and on ranks above 0.

    A logger that is off takes every call and does nothing. `finish` is tried even after a failure, silently, so that no
    process or file of a broken logger stays open. The run folder keeps the name of a failed logger, so that the end of
    a sweep can name it.
    """

    def __init__(self, title: str, folder: Path, make: Callable[[], RunLogger]) -> None:
        super().__init__(folder)
        self.title = title
        self._inner: RunLogger | None = None
        self._kind: type = FailsafeLogger
        if getattr(rank_zero_only, "rank", 0) == 0:
            self._try("start", lambda: self._start(make))

    @property  # type: ignore[misc]  # the class for `isinstance`; `type` still gives FailsafeLogger
    def __class__(self) -> type:
        kind: type = vars(self).get("_kind", FailsafeLogger)
        return kind

    @property
    def name(self) -> str:
        return self.title if self._inner is None else self._inner.name

    @property
    def version(self) -> str:
        return self.folder.name if self._inner is None else self._inner.version

    @property
    def experiment(self) -> Any:
        """The object of the tracking package, such as a W&B run; its calls are guarded, too."""
        if self._inner is None or self.failed:
            return DummyLogger().experiment
        experiment = self._try("open its experiment", lambda: getattr(self._inner, "experiment", None))
        return DummyLogger().experiment if self.failed else _FencedExperiment(experiment, self)

    def __getattr__(self, name: str) -> Any:
        """What only the inner logger has, such as `log_image` of W&B."""
        if name.startswith("_"):
            raise AttributeError(name)
        if self._inner is None or self.failed:
            return getattr(DummyLogger(), name)
        return self.guarded(name, getattr(self._inner, name))

    def guarded(self, name: str, value: Any) -> Any:
        """Return a value as it is, and a function so that its failure switches the logger off."""
        if not callable(value):
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            return None if self.failed else self._try(name, lambda: value(*args, **kwargs))

        return call

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log with the number of finished steps, as records count; Lightning passes the index of the last step."""
        finished = None if step is None else step + 1
        self._call("log metrics", lambda inner: inner.log_metrics(metrics, finished))

    def log_hyperparams(self, params: dict[str, Any] | Namespace | None = None, *args: Any, **kwargs: Any) -> None:
        self._call("log hyperparameters", lambda inner: inner.log_hyperparams(params, *args, **kwargs))

    def log_graph(self, *args: Any, **kwargs: Any) -> None:
        self._call("log the graph", lambda inner: inner.log_graph(*args, **kwargs))

    def after_save_checkpoint(self, checkpoint_callback: ModelCheckpoint) -> None:
        self._call("log a checkpoint", lambda inner: inner.after_save_checkpoint(checkpoint_callback))

    def save(self) -> None:
        self._call("save", lambda inner: inner.save())

    def finalize(self, status: str = "success") -> None:
        self._call("save", lambda inner: inner.finalize(status))

    def log_outcome(self, outcome: Outcome) -> None:
        self._call("log the outcome", lambda inner: inner.log_outcome(outcome))

    def finish(self, status: Status, reason: str = "") -> None:
        inner, self._inner = self._inner, None
        if inner is not None:
            self._try("finish", lambda: inner.finish(status, reason))

    def _start(self, make: Callable[[], RunLogger]) -> None:
        self._inner = make()
        self._kind = getattr(self._inner, "kind", type(self._inner))

    def _call(self, action: str, call: Callable[[RunLogger], object]) -> None:
        inner = self._inner
        if inner is not None and not self.failed:
            self._try(action, lambda: call(inner))

    def _try(self, action: str, call: Callable[[], Any]) -> Any:
        """Return what `call` returns; None if it fails."""
        try:
            return call()
        except Exception as error:  # noqa: BLE001 - a package may raise anything, and the run matters more
            if not self.failed:
                reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
                log.warning(
                    "logger %s could not %s and is off for the rest of this run, which continues and keeps its own "
                    "record (%s)", self.title, action, reason,
                )  # fmt: skip
                with suppress(OSError):  # perhaps the disk is full
                    mark_lost(self.folder, self.title, reason)
            self.failed = True
            if self._inner is not None:
                self._inner.failed = True
            return None


class _FencedExperiment:
    """The experiment of a logger, each of whose calls is guarded by the logger's fence."""

    def __init__(self, experiment: Any, fence: FailsafeLogger) -> None:
        vars(self).update(_experiment=experiment, _fence=fence)

    @property  # type: ignore[misc]  # as for the logger
    def __class__(self) -> type:
        return type(vars(self)["_experiment"])

    def __getattr__(self, name: str) -> Any:
        return self._fence.guarded(name, getattr(self._experiment, name))

    def __setattr__(self, name: str, value: Any) -> None:
        self._fence.guarded(f"set {name}", setattr)(self._experiment, name, value)
