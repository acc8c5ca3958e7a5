"""A program that is started while announcements are blocked does not end by them; its starter still answers them."""

import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from lab.core.processes.announcements import ANNOUNCEMENTS, blocked

PROGRAM = "import sys; print('ready', flush=True); sys.stdin.read(); print('done')"


def started() -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], stdin=pipe, stdout=pipe, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", ANNOUNCEMENTS)
def test_a_program_that_was_started_inside_lives_on(number: signal.Signals) -> None:
    with blocked():
        inside = started()
    inside.send_signal(number)
    out, _ = inside.communicate("", timeout=60)
    assert (inside.returncode, out) == (0, "done\n")
    outside = started()
    outside.send_signal(number)
    outside.communicate("", timeout=60)
    assert outside.returncode == -number, "it is the block that keeps the first one alive"


def test_an_announcement_for_the_starter_is_answered_after_the_block() -> None:
    arrived = list[int]()
    answer: Callable[..., None] = lambda number, _: arrived.append(number)  # noqa: E731
    before = signal.signal(signal.SIGUSR2, answer)
    try:
        with blocked():
            signal.raise_signal(signal.SIGUSR2)
            assert arrived == []
        assert arrived == [signal.SIGUSR2]
    finally:
        signal.signal(signal.SIGUSR2, before)
