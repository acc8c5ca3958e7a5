"""Ranks are killed only where the fit goes on for long after a stop from outside."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from lab.training.ranks.watch import watching


@pytest.fixture
def rank() -> Iterator[subprocess.Popen[bytes]]:
    """A process that does not answer, and a handler of SIGTERM that does nothing."""
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process
    process.kill()
    process.wait()
    signal.signal(signal.SIGTERM, before)


def test_a_rank_that_does_not_answer_is_killed(rank: subprocess.Popen[bytes]) -> None:
    with watching({1: rank}, patience_s=0.1) as watch:
        os.kill(os.getpid(), signal.SIGTERM)
        assert rank.wait(60) == -signal.SIGKILL
    assert watch.was_needed


def test_a_fit_that_ends_in_time_or_gets_no_signal_keeps_its_ranks(rank: subprocess.Popen[bytes]) -> None:
    with watching({1: rank}, patience_s=60) as watch:
        os.kill(os.getpid(), signal.SIGTERM)
    assert not watch.was_needed
    with watching({1: rank}, patience_s=0.0) as watch:
        time.sleep(0.5)
    assert not watch.was_needed
    assert rank.poll() is None
    assert signal.set_wakeup_fd(-1) == -1, "as before"
