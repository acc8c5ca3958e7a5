"""Memory and file descriptors of a process while it works, and by how much they grow with each unit of work."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import psutil

WARM_UP = 1 / 3
"""Share of the work that is left out: imports and full caches come first."""


@dataclass(frozen=True)
class Sample:
    """done: units of work; rss_kib: resident memory; fds: open file descriptors."""

    done: int
    rss_kib: float
    fds: int


@dataclass(frozen=True)
class Growth:
    """By unit of work: the median slope between all pairs of samples (Theil and Sen), which peaks do not move."""

    rss_kib: float
    fds: float


def growth(samples: list[Sample], total: int) -> Growth:
    """The growth between the warm-up and the end. total: units of work."""
    late = [sample for sample in samples if WARM_UP * total <= sample.done < total]
    done = np.array([sample.done for sample in late], float)
    assert len(set(done)) > 5, f"{len(samples)} samples at {len(set(done))} stages of the work"
    rss_kib, fds = ([getattr(sample, name) for sample in late] for name in ("rss_kib", "fds"))
    return Growth(_slope(done, np.array(rss_kib, float)), _slope(done, np.array(fds, float)))


def _slope(x: np.ndarray, y: np.ndarray) -> float:
    first, second = np.triu_indices(len(x), 1)
    apart = x[second] != x[first]
    return float(np.median((y[second] - y[first])[apart] / (x[second] - x[first])[apart]))


class Sampler(threading.Thread):
    """Samples a process until it ends. done: how many units of work are done."""

    def __init__(self, pid: int, done: Callable[[], int], every_s: float = 0.2) -> None:
        super().__init__(daemon=True)
        self.process, self.done, self.every_s = psutil.Process(pid), done, every_s
        self.samples: list[Sample] = []

    def run(self) -> None:
        while True:
            try:
                with self.process.oneshot():
                    rss, fds = self.process.memory_info().rss, self.process.num_fds()
            except psutil.Error:
                return
            self.samples.append(Sample(self.done(), rss / 1024, fds))
            time.sleep(self.every_s)
