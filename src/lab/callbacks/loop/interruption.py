"""Ctrl-C and SIGTERM during a fit: a checkpoint first, then the stop.

A signal may arrive in the middle of a step, where no checkpoint allows an exact resume. It is noted, and the run
continues to the next place where last.ckpt may be written (`lab.callbacks.checkpoint`): the end of an accumulation
window or of an epoch. If there is no such place within `PATIENCE_S`, the run stops without a checkpoint, since clusters
send SIGKILL about 30 s after SIGTERM. A second Ctrl-C stops at once. Of several ranks, rank 0 receives the signals and
all stop at the same place.
"""

import logging
import os
import signal
import threading
from types import FrameType
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from lab.callbacks.loop.agreement import any_rank
from lab.models.gathering import is_shared

log = logging.getLogger(__name__)
PATIENCE_S = 12.0
"""Seconds from a signal to the stop, if no checkpoint is written before."""


class Interruption(Callback):
    """Raises KeyboardInterrupt: from `leave`, or when the patience is over. Acts in the main thread only."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self.patience_s = patience_s
        self.number: int | None = None
        self._announced = self._is_agreed = False
        self._before: dict[int, Any] = {}
        self._process = 0

    @property
    def is_requested(self) -> bool:
        """Whether a signal has arrived, or has arrived at rank 0 as all ranks have agreed."""
        return self.number is not None or self._is_agreed

    def agree(self) -> None:
        """Let all ranks know whether a signal has arrived at rank 0. All ranks must call it at the same place."""
        (self._is_agreed,) = any_rank(self.is_requested)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # This replaces Lightning's handler, which would end the fit at the next batch, inside a window too.
        if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
            return  # Windows has no such timer: there a signal stops the run at once
        self._process = os.getpid()
        if not trainer.is_global_zero:
            self._before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
            return
        handlers = {signal.SIGINT: self._receive, signal.SIGTERM: self._receive, signal.SIGALRM: _stop}
        self._before = {number: signal.signal(number, handler) for number, handler in handlers.items()}

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self._announce()

    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        self._announce()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._restore()
        self.agree()
        self.leave()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._restore()

    def hold(self) -> None:
        """Stop the timer: a checkpoint is about to be written, and it must be whole however long that takes."""
        if self.number is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def leave(self) -> None:
        """Stop here if a signal has arrived, with several ranks before all `agree`d. Raises KeyboardInterrupt."""
        if self._is_agreed if is_shared() else self.is_requested:
            raise KeyboardInterrupt

    def _receive(self, number: int, _: FrameType | None) -> None:
        if os.getpid() != self._process:  # the process of a data loader: its parent handles Ctrl-C
            if number == signal.SIGTERM:
                os._exit(128 + number)
        elif self.number is None:
            self.number = number
            signal.setitimer(signal.ITIMER_REAL, self.patience_s)
        elif number == signal.SIGINT:
            _stop(number, None)

    def _announce(self) -> None:
        """Log what happens next. The handler cannot: it may run while another line is being written."""
        if self.is_requested and not self._announced:
            self._announced = True
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
