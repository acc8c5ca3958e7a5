"""Locks that a kill frees, and neither a fork, a clock, a host name nor what stands in the file does."""

import errno
import logging
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.core import locks
from lab.core.locks import Lock, Taken, exclusive, holder, is_locked, passing_on, sole

HOLDER = """
import os, sys, time
from pathlib import Path
from lab.core.locks import passing_on, sole
with sole(Path(sys.argv[1]), inherited=sys.argv[2] == "inherited"):
    if sys.argv[2] == "inherited":
        with passing_on():
            child = os.fork()
    elif sys.argv[2] == "workers":
        from torch.utils.data import DataLoader
        loader = iter(DataLoader(range(100), num_workers=2, multiprocessing_context="fork"))
        next(loader)
        child = loader._workers[0].pid
    elif sys.argv[2] == "program":
        import subprocess
        child = subprocess.Popen(["sleep", "600"], close_fds=False).pid
    else:
        child = os.fork()
    if child == 0:
        time.sleep(600)
        os._exit(0)
    print(child, flush=True)
    time.sleep(600)
"""


@dataclass
class Holder:
    """A process that has the lock, and a child of it."""

    process: subprocess.Popen[str]
    child: int

    @property
    def name(self) -> str:
        return f"process {self.process.pid}"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


Begin = Callable[[str], Holder]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Start a process that has the lock `tmp_path/lock`."""
    begun: list[Holder] = []

    def start(how: str) -> Holder:
        command = [sys.executable, "-c", HOLDER, str(tmp_path / "lock"), how]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        begun.append(Holder(process, int(process.stdout.readline())))
        return begun[-1]

    yield start
    for one in begun:
        one.kill()
        with suppress(ProcessLookupError):
            os.kill(one.child, signal.SIGKILL)
        assert one.process.stdout is not None
        one.process.stdout.close()


def lives(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def forked(act: Callable[[], object]) -> int:
    """What `act` gives in a forked process, as its exit code."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            code = int(act())  # type: ignore[call-overload]
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("how", ["fork", "workers", "program"])
def test_a_kill_frees_the_lock_although_children_live_on(begin: Begin, tmp_path: Path, how: str) -> None:
    one = begin(how)
    assert is_locked(tmp_path / "lock")
    with pytest.raises(Taken, match=f"{one.name}$"), sole(tmp_path / "lock", patience_s=0):
        raise AssertionError("two at once")
    one.kill()
    with sole(tmp_path / "lock", patience_s=20):  # a child that was just forked closes it with its first instructions
        assert lives(one.child)
        assert holder(tmp_path / "lock") == f"process {os.getpid()}"


def test_what_is_passed_on_is_free_when_both_are_gone(begin: Begin, tmp_path: Path) -> None:
    one = begin("inherited")
    one.kill()
    assert is_locked(tmp_path / "lock")
    os.kill(one.child, signal.SIGKILL)
    with sole(tmp_path / "lock", patience_s=20):
        pass


def test_a_process_of_a_process_that_inherited_does_not_keep_it(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "lock", inherited=True)
    assert lock.acquire()

    def inherits() -> int:
        assert forked(lambda: lock.descriptor is None) == 1
        return lock.descriptor is not None

    def forks() -> int:
        with passing_on():
            child = os.fork()
        if child == 0:
            os._exit(inherits())
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    assert forked(forks) == 0, "its parent closed it before"
    assert forks() == 1
    lock.close()


def test_neither_clock_nor_host_nor_the_files_content_frees_it(
    begin: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = begin("fork")
    monkeypatch.setattr(platform, "node", lambda: "another")
    monkeypatch.setattr(time, "time", lambda: 4e9)
    here = os.uname().nodename
    with pytest.raises(Taken, match=f"{one.name} on {here}"), sole(tmp_path / "lock", patience_s=0):
        raise AssertionError("two at once")
    for content in ("", "1 elsewhere\n", "\x00\xff[red]\n", "12\n", "9" * 10**6):
        (tmp_path / "lock").write_text(content)
        with pytest.raises(Taken) as refused, sole(tmp_path / "lock", patience_s=0):
            raise AssertionError("two at once")
        assert str(refused.value) in ("another process", "process 1 on elsewhere")


def test_it_is_waited_for_with_a_notice(begin: Begin, tmp_path: Path) -> None:
    one = begin("fork")
    reported: list[str] = []

    def waiting(name: str) -> None:
        reported.append(name)
        one.kill()

    with sole(tmp_path / "lock", waiting, patience_s=0):
        assert reported == [one.name]


def test_it_is_waited_for_as_long_as_is_allowed(begin: Begin, tmp_path: Path) -> None:
    one, said = begin("fork"), list[str]()
    with (
        pytest.raises(Taken, match=f"{one.name}$"),
        sole(tmp_path / "lock", said.append, patience_s=0.1, most_s=0.3),
    ):
        raise AssertionError("two at once")
    assert said == [one.name]


def test_within_one_process_it_is_one_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with sole(tmp_path / "lock"):
        with sole(Path("lock"), patience_s=0):
            pass
        assert is_locked(tmp_path / "lock"), "the inner block is not the end of it"
    assert not is_locked(tmp_path / "lock")


def test_of_two_one_has_it_exclusively(begin: Begin, tmp_path: Path) -> None:
    one = begin("fork")
    with exclusive(tmp_path / "lock") as locked:
        assert not locked
    with exclusive(tmp_path / "lock", lambda: one.kill()) as locked:
        assert locked


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_without_locks_there_is_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(locks.fcntl, "flock", refuse)
    open_before = set(locks._open)  # of earlier tests in this process
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            with sole(tmp_path / "lock"), exclusive(tmp_path / "lock") as locked:
                assert not locked
    assert caplog.text.count("cannot be locked") == 1
    assert not is_locked(tmp_path / "lock")
    assert locks._open <= open_before


@pytest.mark.parametrize("what", ["link", "pipe", "folder"])
def test_what_is_no_plain_file_is_neither_written_nor_waited_for(tmp_path: Path, what: str) -> None:
    outside, path = tmp_path / "outside", tmp_path / "lock"
    outside.write_text("mine")
    {"link": lambda: path.symlink_to(outside), "pipe": lambda: os.mkfifo(path), "folder": path.mkdir}[what]()
    with pytest.raises(OSError, match="lock"), sole(path):
        raise AssertionError("no lock")
    assert outside.read_text() == "mine"
    assert not is_locked(path)


def test_a_file_of_somebody_else_is_locked() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs two users")

    def locked() -> int:
        os.seteuid(65534)
        with exclusive(path) as mine:
            return mine

    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        (path := Path(folder, "lock")).touch(mode=0o644)
        assert forked(locked) == 1
        with exclusive(path):
            assert forked(locked) == 0
