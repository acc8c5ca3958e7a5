"""Facts about the environment of a run, for run.json: versions, commit, process, timing. None of them fails a run."""

import os
import platform
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from lab import __version__

PACKAGES = ("torch", "lightning", "transformers", "tokenizers", "datasets", "hydra-core", "numpy")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that influence the results."""
    return {"lab": __version__, "python": platform.python_version()} | {name: version(name) for name in PACKAGES}


def class_names(objects: Iterable[object]) -> list[str]:
    """Import paths of the classes of some objects."""
    return [f"{type(each).__module__}.{type(each).__qualname__}" for each in objects]


def process() -> dict[str, object]:
    """The process of a run: its id, host and start time. Another process checks it before it uses the same folder."""
    return {"pid": os.getpid(), "host": platform.node(), "started": datetime.now(UTC).isoformat(timespec="seconds")}


def git_commit() -> str | None:
    """The commit of this code, with `-dirty` if files differ from it; None where the code is in no repository."""
    try:
        _git("ls-files", "--error-unmatch", Path(__file__).name)
        head = _git("rev-parse", "HEAD")
        return head + ("-dirty" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(*words: str) -> str:
    result = subprocess.run(
        ["git", *words], capture_output=True, text=True, check=True, timeout=10, cwd=Path(__file__).parent
    )
    return result.stdout.strip()


class Clock:
    """Seconds of each part of a run, and the CPU seconds of this process on all cores (`cpu`)."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.cpu_started = _cpu_s()
        self.parts: dict[str, float] = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Add the time of the block to the part `name`."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.parts[name] = self.parts.get(name, 0.0) + time.monotonic() - start

    def read(self) -> dict[str, float]:
        """Seconds so far: `total`, `cpu` and each part."""
        return {"total": time.monotonic() - self.started, "cpu": _cpu_s() - self.cpu_started} | self.parts


def _cpu_s() -> float:
    """User and system time of this process and of its children that have ended (loader workers)."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
