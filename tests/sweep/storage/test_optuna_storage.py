"""The journal of a study: repaired after a kill, locked by the kernel, used by one controller."""

import json
import os
import platform
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from lab.core.errors import RequestError
from lab.sweep.storage import optuna_storage as storages
from lab.sweep.storage.optuna_storage import FlockLock, Journal, open_storage, repair, requeue, study_lock

HOLDER = """
import sys, time
from pathlib import Path
from lab.sweep.storage.optuna_storage import FlockLock, study_lock
lock = FlockLock(Path("journal.lock"))
lock.acquire()
with study_lock(Path("study.lock"), "toy"):
    print("locked", flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)


@pytest.fixture
def holder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> subprocess.Popen[str]:
    """A second process that has both locks."""
    monkeypatch.chdir(tmp_path)
    process = subprocess.Popen([sys.executable, "-c", HOLDER], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    return process


def study(journal: Path, url: str | None = None) -> tuple[optuna.Study, optuna.storages.BaseStorage]:
    storage = open_storage(url, journal)
    return optuna.create_study(storage=storage, study_name="toy", load_if_exists=True), storage


@pytest.mark.parametrize("partial", ["", '{"op_code": 4', "\x00" * 7, '{"half": "línea'])
def test_only_an_incomplete_last_line_is_removed(tmp_path: Path, partial: str) -> None:
    journal = tmp_path / "journal.log"
    first, _ = study(journal)
    first.tell(first.ask({"x": optuna.distributions.FloatDistribution(0, 1)}), 0.5)
    complete = journal.read_bytes()
    with journal.open("ab") as file:
        file.write(partial.encode()[:-1] if "í" in partial else partial.encode())
    again, _ = study(journal)
    assert journal.read_bytes().startswith(complete)
    assert [json.loads(line)["op_code"] for line in journal.read_bytes()[len(complete) :].splitlines()] == [0]  # opened
    assert [trial.value for trial in again.trials] == [0.5]
    again.tell(again.ask(), 0.25)
    assert [trial.value for trial in study(journal)[0].trials] == [0.5, 0.25]


def test_repair_returns_the_number_of_removed_bytes(tmp_path: Path) -> None:
    journal, lock = tmp_path / "journal.log", FlockLock(tmp_path / "lock")
    assert repair(journal, lock) == 0
    journal.write_text("one\ntwo\nthr")
    assert repair(journal, lock) == 3
    assert journal.read_text() == "one\ntwo\n"
    assert repair(journal, lock) == 0


@pytest.mark.parametrize("url", [None, "sqlite:///{folder}/study.db"])
def test_an_interrupted_trial_is_the_next_with_its_reports(tmp_path: Path, url: str | None) -> None:
    first, storage = study(tmp_path / "journal.log", url and url.format(folder=tmp_path))
    distributions = {"x": optuna.distributions.FloatDistribution(0, 1)}
    trials = [first.ask(distributions) for _ in range(3)]
    trials[1].report(0.5, 1)
    requeue(storage, "toy", 1)
    assert [trial.state for trial in first.trials] == [TrialState.RUNNING, TrialState.WAITING, TrialState.RUNNING]
    again = first.ask(distributions)
    assert (again.number, again.params) == (1, trials[1].params)
    assert first.trials[1].intermediate_values == {1: 0.5}
    assert first.ask(distributions).number == 3


def test_a_kill_frees_the_locks(holder: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storages, "PATIENCE_S", 0.1)
    refused = f"already running, by process {holder.pid}"
    with pytest.raises(RequestError, match=refused), study_lock(Path("study.lock"), "toy"):
        raise AssertionError("two controllers")
    os.kill(holder.pid, signal.SIGKILL)
    holder.communicate()
    lock, began = FlockLock(Path("journal.lock")), time.monotonic()
    lock.acquire()
    assert time.monotonic() - began < 20, "Optuna's own lock file would be waited for 30 s"
    with study_lock(Path("study.lock"), "toy"):
        assert Path("study.lock").read_text() == f"{os.getpid()} {platform.node()}\n"


def test_reports_and_ends_are_flushed_to_the_disk_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, storage = study(tmp_path / "journal.log")
    flushes: list[int] = []
    monkeypatch.setattr(storages.os, "fsync", flushes.append)

    def flushed(act: Callable[[], object]) -> int:
        before = len(flushes)
        act()
        return len(flushes) - before

    distributions = {"x": optuna.distributions.FloatDistribution(0, 1)}
    trial = first.ask(distributions)
    assert flushed(lambda: trial.set_user_attr("a", 1)) == 0
    assert flushed(lambda: trial.report(0.5, 1)) == 1
    assert flushed(lambda: first.tell(trial, 0.5)) == 1
    assert flushed(lambda: requeue(storage, "toy", first.ask(distributions).number)) == 1
    assert [other.user_attrs for other in study(tmp_path / "journal.log")[0].trials] == [{"a": 1}, {}]


def test_a_line_that_does_not_fit_on_the_disk_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    journal = Journal(path, FlockLock(tmp_path / "lock"))
    journal.append_logs([{"op_code": 6, "number": 1}])
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 10, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            journal.append_logs([{"op_code": 6, "number": 2, "text": "x" * 100}])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    journal.append_logs([{"op_code": 6, "number": 3}])
    assert [json.loads(line)["number"] for line in path.read_text().splitlines()] == [1, 3]
