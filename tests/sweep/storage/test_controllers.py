"""Controllers that share a study through a database: starts, abandoned trials, and the reports that policies see."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import optuna
import pytest
from optuna.trial import TrialState

from lab.core.errors import RequestError
from lab.early_termination.incremental import IncrementalState
from lab.early_termination.policies.median_stopping import MedianStopping
from lab.sweep.storage import controllers
from lab.sweep.storage.controllers import SharedController, SoleController
from lab.sweep.storage.database_lock import refuse_unlockable
from lab.sweep.storage.optuna_storage import requeue
from lab.sweep.study.loop import Search
from lab.sweep.study.progress_table import ProgressTable

TRIAL = Path(__file__).with_name("stored_trial.py")
URL = "sqlite:///study.db"
POSTGRES = "LAB_TEST_POSTGRES"
WITH_POSTGRES = pytest.mark.skipif(POSTGRES not in os.environ, reason=f"{POSTGRES} names no empty PostgreSQL database")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def study() -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(study_name="toy", storage=URL, load_if_exists=True, direction="maximize")


def begin(
    folder: str, total: int, url: str = URL, *, silent_s: float | None = None, **faults: str
) -> subprocess.Popen[str]:
    """One controller with one slot, in a folder of its own. faults: the fault of trial `tN`."""
    command = [sys.executable, str(TRIAL), "-m", "hydra/sweeper=lab", "sweep.study=toy", f"sweep.storage={url}",
               f"hydra.sweep.dir={folder}", "trainer.max_epochs=3", "hydra.launcher.preload=[]",
               "sweep.search_space={optimizer.lr: {type: uniform, min_value: 1e-4, max_value: 1e-3}}",
               f"sweep.limits={{max_total_trials: {total}, max_concurrent_trials: 1}}"]  # fmt: skip
    environment = {**os.environ, "LAB_FAULTS": json.dumps({key[1:]: what for key, what in faults.items()})}
    if silent_s is not None:
        environment["LAB_SILENT_S"] = str(silent_s)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, env=environment, **pipes)  # type: ignore[call-overload,no-any-return]


def ended(process: subprocess.Popen[str]) -> str:
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0, out
    return out


@pytest.mark.parametrize("url", [URL, pytest.param(os.environ.get(POSTGRES), marks=WITH_POSTGRES)])
def test_two_controllers_run_each_trial_once_and_the_total_is_exact(url: str) -> None:
    both = [begin(folder, 6, url, t0="together") for folder in "ab"]
    for process in both:
        ended(process)
    storage = optuna.storages.RDBStorage(url)
    stored = optuna.load_study(study_name="toy", storage=storage).get_trials()
    storage.engine.dispose()
    assert [(trial.number, trial.state.name, len(trial.intermediate_values)) for trial in stored] == [
        (number, "COMPLETE", 3) for number in range(6)
    ]
    ran = {folder: sorted(int(file.parent.name) for file in Path(folder).glob("*/starts.txt")) for folder in "ab"}
    assert sorted(ran["a"] + ran["b"]) == list(range(6))
    assert ran["a"]
    assert ran["b"]
    assert all(len(file.read_text().splitlines()) == 1 for file in Path().glob("[ab]/*/starts.txt"))
    best = max(stored, key=lambda trial: trial.params["optimizer.lr"]).number
    assert best in [json.loads(Path(f"{folder}/summary.json").read_text())["winner"]["trial"] for folder in "ab"]


@pytest.mark.slow
def test_a_killed_controller_resumes_its_own_trial_and_others_leave_it_alone() -> None:
    first = begin("a", 3, t0="slow")
    while not list(Path("a").glob("0/checkpoints/last.ckpt")):
        assert first.poll() is None, first.communicate()[0]
        time.sleep(0.02)
    first.kill()
    first.communicate()
    ended(begin("b", 3))
    assert [trial.state.name for trial in study().get_trials()] == ["RUNNING", "COMPLETE", "COMPLETE"]
    ended(begin("a", 3))
    stored = study().get_trials()
    assert [(trial.state.name, sorted(trial.intermediate_values)) for trial in stored] == [("COMPLETE", [1, 2, 3])] * 3


@pytest.mark.slow
def test_a_controller_that_slept_gives_up_a_trial_that_was_taken_over() -> None:
    first = begin("a", 3, silent_s=2, t0="slow")
    while not list(Path("a").glob("0/checkpoints/last.ckpt")):
        assert first.poll() is None, first.communicate()[0]
        time.sleep(0.02)
    first.send_signal(signal.SIGSTOP)
    time.sleep(2.5)
    ended(begin("b", 3, silent_s=2))
    stored = study().get_trials()
    first.send_signal(signal.SIGCONT)
    assert "another took it over" in ended(first)
    assert [(trial.state.name, sorted(trial.intermediate_values)) for trial in stored] == [("COMPLETE", [1, 2, 3])] * 3
    assert [trial.values for trial in study().get_trials()] == [trial.values for trial in stored]


def test_a_trial_that_another_controller_requeued_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shared = study()
    mine, theirs = (SharedController(shared, shared._storage, URL, name, has_heartbeat=True) for name in "ab")
    trial = shared.ask()
    mine.claim(trial)
    monkeypatch.setattr(controllers, "HEARTBEAT_S", -1.0)
    assert mine.heartbeat([trial]) == []
    requeue(shared._storage, "toy", 0)
    theirs.release(0)
    assert mine.heartbeat([trial]) == [0]


def test_a_trial_that_was_taken_over_keeps_its_reports() -> None:
    shared = study()
    shared.add_trial(optuna.trial.create_trial(state=TrialState.RUNNING, intermediate_values={1: 0.5, 2: 0.7}))
    plan = SimpleNamespace(
        policy=MedianStopping(),
        goal="maximize",
        total=2,
        limits=SimpleNamespace(timeout=None, trial_timeout=None),
        space=MagicMock(),
    )
    plan.space.distributions.return_value = {}
    plan.fixed = ()
    search = Search(plan, shared, shared._storage, MagicMock(), ProgressTable(2), MagicMock(), SoleController(shared))  # type: ignore[arg-type]
    search.state = IncrementalState(
        plan.policy, "maximize"
    )  # another controller reported it after this one read the storage
    requeue(shared._storage, "toy", 0)
    search.num_waiting = 1
    search._start()
    assert search.state.histories == {0: [0.5, 0.7]}


def test_abandoned_trials_are_ones_own_earlier_ones_and_those_of_silent_controllers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shared = study()
    mine, theirs = (
        SharedController(shared, shared._storage, URL, name, has_heartbeat=True) for name in ("here:a", "there:b")
    )
    batches = SharedController(shared, shared._storage, URL, "there:c", has_heartbeat=False)
    for who in (mine, theirs, batches):
        who.claim(shared.ask())
    shared.ask()
    assert mine.abandoned() == [0, 3]
    assert theirs.abandoned() == [1, 3]
    monkeypatch.setattr(controllers, "SILENT_S", -1.0)
    assert mine.abandoned() == [0, 1, 3]
    assert mine.count_trials(0, 0) == (4, 0)
    assert mine.has_unfinished_trials()
    assert SoleController(shared).abandoned() == [0, 1, 2, 3]


def test_a_clock_that_was_set_forward_takes_no_trials_away(monkeypatch: pytest.MonkeyPatch) -> None:
    shared, now = study(), time.time
    mine, living, silent = (SharedController(shared, shared._storage, URL, name, has_heartbeat=True) for name in "abc")
    trials = [shared.ask(), shared.ask()]
    living.claim(trials[0])
    silent.claim(trials[1])
    monkeypatch.setattr(controllers.time, "time", lambda: now() + 10 * controllers.SILENT_S)
    monkeypatch.setattr(controllers.time, "sleep", lambda _: trials[0].set_user_attr("seen", now()))  # by its own clock
    mine.watch()
    assert mine.abandoned() == [1]


def test_without_silent_controllers_nothing_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = study()
    mine, theirs = (SharedController(shared, shared._storage, URL, name, has_heartbeat=True) for name in "ab")
    theirs.claim(shared.ask())
    monkeypatch.setattr(controllers.time, "sleep", lambda _: pytest.fail("slept"))
    mine.watch()
    monkeypatch.setattr(controllers, "SILENT_S", -1.0)
    assert mine.abandoned() == [], "it was not watched: its controller may have claimed it since"


@pytest.mark.slow
def test_controllers_with_equal_names_and_paths_do_not_interfere() -> None:
    """As in containers: the same host name, the same path. The folders are moved while their controllers run."""
    first = begin("a", 2, t0="slow")
    while not list(Path("a").glob("0/checkpoints/last.ckpt")):
        assert first.poll() is None, first.communicate()[0]
        time.sleep(0.02)
    first.send_signal(signal.SIGSTOP)
    Path("a").rename("b")
    second = begin("a", 2)
    out, _ = second.communicate(timeout=120)
    assert second.returncode == 0, out
    Path("a").rename("c")
    Path("b").rename("a")
    first.send_signal(signal.SIGCONT)
    assert "another took it over" not in ended(first)
    assert [trial.state.name for trial in study().get_trials()] == ["COMPLETE"] * 2


def test_a_heartbeat_marks_running_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = study()
    mine, trial = SharedController(shared, shared._storage, URL, "here:a", has_heartbeat=True), shared.ask()
    mine.claim(trial)
    claimed = shared.get_trials()[0].user_attrs["seen"]
    monkeypatch.setattr(controllers, "HEARTBEAT_S", -1.0)
    mine.heartbeat([trial])
    assert shared.get_trials()[0].user_attrs["seen"] > claimed


def test_reports_of_other_controllers_are_added_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controllers, "REFRESH_S", -1.0)
    shared, state = study(), IncrementalState(MedianStopping(), "maximize")
    mine = SharedController(shared, shared._storage, URL, "here:a", has_heartbeat=True)
    own, other = shared.ask(), shared.ask()
    own.report(0.1, 1)
    for interval, value in enumerate((0.5, 0.7), 1):
        other.report(value, interval)
        mine.refresh(state, own={0})
    mine.refresh(state, own={0})
    assert state.histories == {1: [0.5, 0.7]}
    shared.tell(other, 0.7)
    mine.refresh(state, own={0})
    assert state.finished == {1}


def test_only_one_controller_has_the_lock() -> None:
    shared, order = study(), list[str]()
    first, second = (SharedController(shared, shared._storage, URL, name, has_heartbeat=True) for name in "ab")

    def wait_for_it() -> None:
        with second.lock():
            order.append("second")

    thread = threading.Thread(target=wait_for_it)
    with first.lock():
        thread.start()
        time.sleep(0.1)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_another_space_or_a_database_without_locks_is_refused() -> None:
    shared = study()
    SharedController(shared, shared._storage, URL, "a", has_heartbeat=True).join("abc")
    SharedController(shared, shared._storage, URL, "b", has_heartbeat=True).join("abc")
    with pytest.raises(RequestError, match="differs"):
        SharedController(shared, shared._storage, URL, "b", has_heartbeat=True).join("xyz")
    refuse_unlockable(URL)
    refuse_unlockable("postgresql://me:secret@host/db")
    with pytest.raises(RequestError, match="can lock") as refused:
        refuse_unlockable("mysql://me:secret@host/db")
    assert "secret" not in str(refused.value)
    with pytest.raises(RequestError, match="can lock"):
        refuse_unlockable("sqlite://")
