"""Ctrl-C and SIGTERM while a model is fitted: a checkpoint first, then the stop.

A signal may come in the middle of a step, from where no checkpoint goes on exactly. It is noted, and the run goes on to
the next place where last.ckpt may be written (`lab.callbacks.checkpoint`): the end of an accumulation window, or of an
epoch. Where none comes within `PATIENCE_S` it stops without one: clusters send SIGKILL some 30 s after their SIGTERM.
A second Ctrl-C stops at once.
"""

import logging
import os
import signal
import threading
from types import FrameType
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

log = logging.getLogger(__name__)
PATIENCE_S = 12.0


class Interruption(Callback):
    """Raises KeyboardInterrupt, from `leave` or where patience ends. Signals reach the main thread alone."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self.patience_s = patience_s
        self.number: int | None = None
        self._said = False
        self._before: dict[int, Any] = {}
        self._process = 0

    @property
    def is_requested(self) -> bool:
        return self.number is not None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Lightning's own handler is in place by now, which would end the fit at the next batch, window or not.
        if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
            return  # Windows has no such timer: a signal stops at once there
        self._process = os.getpid()
        handlers = {signal.SIGINT: self._heard, signal.SIGTERM: self._heard, signal.SIGALRM: _stop}
        self._before = {number: signal.signal(number, handler) for number, handler in handlers.items()}

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self._say()

    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        self._say()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._restore()
        self.leave()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._restore()

    def hold(self) -> None:
        """A checkpoint is about to be written: let it be whole, however long it takes."""
        if self.is_requested:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def leave(self) -> None:
        """Stop here, if that was requested."""
        if self.is_requested:
            raise KeyboardInterrupt

    def _heard(self, number: int, _: FrameType | None) -> None:
        if os.getpid() != self._process:  # a loader's process: Ctrl-C is its parent's affair
            if number == signal.SIGTERM:
                os._exit(128 + number)
        elif self.number is None:
            self.number = number
            signal.setitimer(signal.ITIMER_REAL, self.patience_s)
        elif number == signal.SIGINT:
            _stop(number, None)

    def _say(self) -> None:
        """Not from the handler, which may have come into the middle of another line."""
        if self.is_requested and not self._said:
            self._said = True
            again = "; Ctrl-C once more stops at once" if self.number == signal.SIGINT else ""
            log.info("stopping at the next checkpoint, within %.0f s%s", self.patience_s, again)

    def _restore(self) -> None:
        if self._before:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}


def _stop(_number: int, _: FrameType | None) -> None:
    raise KeyboardInterrupt
