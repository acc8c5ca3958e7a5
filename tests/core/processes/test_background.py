"""Work in a copy of the process."""

import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from lab.core.processes import background
from lab.core.processes.background import Background, halved, is_possible

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="fork with death signals is of Linux")


def test_the_work_is_done_in_another_process_with_a_lower_priority(tmp_path: Path) -> None:
    own = os.nice(0)
    with Background() as copy:
        copy.start(lambda: (tmp_path / "done").write_text(f"{os.getpid()} {os.nice(0)}"))
        assert copy.is_running
        assert copy.wait()
        assert not copy.is_running
    pid, niceness = map(int, (tmp_path / "done").read_text().split())
    assert pid != os.getpid()
    assert niceness == min(19, own + background.NICENESS)
    assert not copy.wait(), "nothing is waited for twice"


def test_an_error_ends_the_copy_without_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    copy = Background()
    copy.start(lambda: print(1 / 0))
    assert not copy.wait()
    assert capfd.readouterr() == ("", "")


def test_the_copy_does_not_outlive_the_block(tmp_path: Path) -> None:
    def work() -> None:
        (tmp_path / "begun").touch()
        time.sleep(600)

    with Background() as copy:
        copy.start(work)
        pid = copy._pid
        assert pid is not None
        while not (tmp_path / "begun").exists():
            time.sleep(0.01)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_one_core_has_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    assert not is_possible()
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    assert is_possible()


def test_work_that_waits_for_a_lock_forever_is_ended() -> None:
    lock = threading.Lock()
    with lock, Background() as background:
        background.start(lock.acquire)
        assert not background.wait(idle_s=0.2)
        assert not background.is_running


def test_work_that_never_ends_is_ended_when_the_time_is_over() -> None:
    def work() -> None:
        while True:  # uses the CPU, so that it does not count as idle
            sum(range(1000))

    with Background() as background:
        background.start(work)
        with pytest.raises(TimeoutError):
            background.wait(most_s=0.2)
        assert not background.is_running
        assert not background.wait(), "nothing is left to wait for"


@pytest.mark.parametrize("fails", [None, "copy", "fork"])
def test_two_halves_are_done_whatever_happens_to_the_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str | None
) -> None:
    run = os.getpid()

    def write(name: str) -> None:
        if fails == "copy" and os.getpid() != run:
            raise ValueError("no luck")
        (tmp_path / name).write_text(str(os.getpid()))

    if fails == "fork":
        monkeypatch.setattr(os, "fork", lambda: (_ for _ in ()).throw(OSError("no process left")))
    halved(lambda: write("own"), lambda: write("other"))
    assert (tmp_path / "own").read_text() == str(run)
    assert ((tmp_path / "other").read_text() == str(run)) is (fails is not None)


def test_a_signal_that_comes_with_the_copy_ends_the_copy_and_not_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else its handler would end the run in the copy, beside the run itself."""
    fork = os.fork

    def fork_with_a_signal() -> int:
        pid = fork()
        if pid == 0:
            os.kill(os.getpid(), signal.SIGTERM)
        return pid

    before = signal.signal(signal.SIGTERM, lambda *_: pytest.fail("the handler of the run"))
    monkeypatch.setattr(os, "fork", fork_with_a_signal)
    try:
        copy = Background()
        copy.start(lambda: None)
        assert not copy.wait()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_the_copy_is_the_first_to_go_where_memory_ends(tmp_path: Path) -> None:
    with Background() as copy:
        copy.start(lambda: shutil.copy("/proc/self/oom_score_adj", tmp_path / "score"))
        assert copy.wait()
    assert (tmp_path / "score").read_text().strip() == "1000"


def test_a_number_that_is_no_longer_the_copys_is_not_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    copy = Background()
    copy.start(lambda: None)
    assert copy._pid is not None
    os.waitpid(copy._pid, 0)
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("a process of somebody else"))
    copy.stop()
    assert not copy.is_running


def test_a_container_of_one_cpu_has_no_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(background, "CPU_QUOTA", tmp_path / "cpu.max")
    for text, possible in (("100000 100000", False), ("150000 100000", True), ("max 100000", True)):
        (tmp_path / "cpu.max").write_text(text)
        assert is_possible() == possible
