"""Runs in processes of their own, started from one that has the imports done."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


class Warm:
    """A process with the imports done that forks one child a job."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("warm.py")
        self.process = subprocess.Popen(
            [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, folder: Path, overrides: list[str], kill_at: int | None = None, limit: int | None = None) -> int:
        """Wait status of one run into `folder`. kill_at: SIGKILL in that micro-batch; limit: bytes a file may have."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        folder.mkdir(exist_ok=True)
        job = {"overrides": overrides, "folder": str(folder), "kill_at": kill_at, "limit": limit}
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        return int(json.loads(self.process.stdout.readline())["status"])


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    server = Warm()
    yield server
    server.process.communicate(timeout=30)
