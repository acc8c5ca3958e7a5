"""Ctrl-C and SIGTERM wait for the end of a training step, where a checkpoint can be written; a second acts at once.

Between steps the weights, the optimizer and the counters of the data belong together; inside one they do not. While no
step is under way (validation, test) a signal acts at once, as it does without this module.
"""

import logging
import os
import signal
import threading
from types import FrameType
from typing import Any

log = logging.getLogger(__name__)
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopSignals:
    """requested: the signal that waits for the end of the step, None where none came."""

    def __init__(self) -> None:
        self.requested: int | None = None
        self._waits = False
        self._before: dict[int, Any] = {}

    def install(self) -> None:
        """Take the signals over; in a thread, where Python allows none, nothing changes."""
        if self._before or threading.current_thread() is not threading.main_thread():
            return
        for number in SIGNALS:
            self._before[number] = signal.signal(number, self._arrived)

    def uninstall(self) -> None:
        """Give the signals back to whoever had them."""
        for number, before in self._before.items():
            if signal.getsignal(number) == self._arrived:
                signal.signal(number, before)
        self._before = {}

    def wait_for_step(self, waits: bool) -> None:
        """Whether a signal waits from now on; one that has arrived acts where it need not wait any longer."""
        self._waits = waits
        if not waits:
            self.act()

    def act(self) -> None:
        """Do what the signal that arrived would have done. Returns where none has."""
        number, self.requested = self.requested, None
        if number is None:
            return
        before = self._before[number]
        self.uninstall()
        if callable(before):
            before(number, None)
        else:
            os.kill(os.getpid(), number)

    def _arrived(self, number: int, _: FrameType | None) -> None:
        again = self.requested is not None
        self.requested = number
        if again or not self._waits:
            self.act()
        else:
            log.info("stopping after this step, with a checkpoint; once more stops at once")
