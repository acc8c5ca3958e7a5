"""A script that kills itself at a chosen event: `python killed_at.py POINT train.py key=value ...`.

POINT is JSON: {"event": "os.rename", "path": "/last.ckpt", "nth": 2, "after": "/best.ckpt", "delay_ms": 30}. Events are
those that the interpreter itself raises (`sys.addaudithook`: `import`, `open`, `os.rename`, `os.mkdir`, ...), so a
point names a file of the run folder and no function of this project. `nth` counts the events whose arguments contain
`path`; counting starts once a path containing `after` has been opened; `delay_ms` kills that much later, in whatever
the process does then; `signal` is SIGKILL unless another is named.
"""

import json
import os
import runpy
import signal as signals
import sys
import threading
import time
from pathlib import Path
from typing import Any


class KillPoint:
    """Counts the matching events and kills the process at the chosen one."""

    def __init__(
        self, event: str, path: str, nth: int = 1, after: str = "", delay_ms: float = 0.0, signal: str = "SIGKILL"
    ) -> None:
        self.signal = signals.Signals[signal]
        self.event, self.path, self.nth, self.after, self.delay_ms = event, path, nth, after, delay_ms
        self.seen = 0

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in (self.event, "open"):
            return
        text = " ".join(map(str, arguments[:2]))
        if self.after:
            self.after = "" if self.after in text else self.after
        elif event == self.event and self.path in text:
            self.seen += 1
            if self.seen == self.nth:
                self._kill()

    def _kill(self) -> None:
        if not self.delay_ms:
            os.kill(os.getpid(), self.signal)
            return
        threading.Thread(target=self._kill_later, daemon=True).start()

    def _kill_later(self) -> None:
        time.sleep(self.delay_ms / 1000)
        os.kill(os.getpid(), self.signal)


if __name__ == "__main__":
    sys.addaudithook(KillPoint(**json.loads(sys.argv[1])))
    sys.argv = sys.argv[2:]
    sys.path.insert(0, str(Path(sys.argv[0]).parent))
    runpy.run_path(sys.argv[0], run_name="__main__")
