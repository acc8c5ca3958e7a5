"""One of several controllers of a study: its claims, marks and lock, and the trials of silent controllers."""

import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import optuna
import pytest
from optuna.trial import TrialState

from lab.core.errors import RequestError
from lab.early_termination.incremental import IncrementalState
from lab.early_termination.policies.median_stopping import MedianStopping
from lab.sweep.storage import shared_controller
from lab.sweep.storage.addresses import refuse_unlockable
from lab.sweep.storage.controllers import SoleController
from lab.sweep.storage.optuna_storage import requeue
from lab.sweep.storage.shared_controller import SharedController
from lab.sweep.study.loop import Search
from lab.sweep.study.progress_table import ProgressTable

URL = "sqlite:///study.db"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def study() -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(study_name="toy", storage=URL, load_if_exists=True, direction="maximize")


def controller(shared: optuna.Study, name: str, waits_long: bool = False) -> SharedController:
    return SharedController(shared, shared._storage, URL, name, waits_long)


def at(monkeypatch: pytest.MonkeyPatch, *, monotonic: float, clock: float | None = None) -> None:
    """Set the clocks. monotonic: seconds; clock: seconds since 1970."""
    monkeypatch.setattr(shared_controller.time, "monotonic", lambda: monotonic)
    if clock is not None:
        monkeypatch.setattr(shared_controller.time, "time", lambda: clock)


def test_a_trial_that_another_controller_requeued_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shared = study()
    mine, theirs = (controller(shared, name) for name in "ab")
    trial = shared.ask()
    mine.claim(trial)
    monkeypatch.setattr(shared_controller, "HEARTBEAT_S", -1.0)
    assert mine.heartbeat([trial]) == []
    theirs._requeue(0)
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
    search = Search(
        plan,
        shared,
        shared._storage,
        MagicMock(),
        ProgressTable(2),
        MagicMock(),
        SoleController(shared, shared._storage),
    )  # type: ignore[arg-type]
    search.state = IncrementalState(
        plan.policy, "maximize"
    )  # another controller reported it after this one read the storage
    requeue(shared._storage, "toy", 0)
    search.num_waiting = 1
    search._start()
    assert search.state.histories == {0: [0.5, 0.7]}


def test_a_heartbeat_marks_running_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = study()
    mine, trial = controller(shared, "here:a"), shared.ask()
    mine.claim(trial)
    claimed = shared.get_trials()[0].user_attrs["seen"]
    monkeypatch.setattr(shared_controller, "HEARTBEAT_S", -1.0)
    mine.heartbeat([trial])
    assert shared.get_trials()[0].user_attrs["seen"] > claimed


def test_trials_of_a_launcher_are_marked_while_the_loop_waits_for_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = study()
    mine, theirs, trials = (
        controller(shared, "a", waits_long=True),
        controller(shared, "b"),
        [shared.ask(), shared.ask()],
    )
    for trial in trials:
        mine.claim(trial)
    claimed = [trial.user_attrs["seen"] for trial in shared.get_trials()]
    theirs._requeue(1)
    monkeypatch.setattr(shared_controller, "HEARTBEAT_S", 0.01)
    with mine.marking(trials):
        until = time.monotonic() + 20
        while shared.get_trials()[0].user_attrs["seen"] == claimed[0] and time.monotonic() < until:
            time.sleep(0.01)
    assert shared.get_trials()[0].user_attrs["seen"] > claimed[0]
    assert shared.get_trials()[1].user_attrs["seen"] == claimed[1]
    monkeypatch.setattr(shared_controller, "HEARTBEAT_S", 60.0)
    assert mine.heartbeat(trials) == [1], "it gives up the trial that was taken over in the meantime"
    assert not [thread for thread in threading.enumerate() if thread.name == "heartbeat"]


def test_a_storage_that_is_away_for_a_moment_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shared = study()
    mine, trial, calls = controller(shared, "a", waits_long=True), shared.ask(), list[int]()

    def mark(_: object) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise optuna.exceptions.StorageInternalError("the server is starting")

    monkeypatch.setattr(mine, "_mark", mark)
    monkeypatch.setattr(shared_controller, "HEARTBEAT_S", 0.01)
    with mine.marking([trial]):
        until = time.monotonic() + 20
        while len(calls) < 3 and time.monotonic() < until:
            time.sleep(0.01)
    assert len(calls) >= 3
    assert caplog.text.count("could not be marked") == 1


def test_running_trials_are_marked_while_their_controller_waits_for_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = study()
    mine, running, ended = controller(shared, "a"), shared.ask(), shared.ask()
    for trial in (running, ended):
        mine.claim(trial)
    shared.tell(ended, 0.5)
    before = [trial.user_attrs["seen"] for trial in shared.get_trials()]
    monkeypatch.setattr(shared_controller, "HEARTBEAT_S", -1.0)

    def lock_of_another(*words: Any) -> MagicMock:
        words[-1]()
        return MagicMock()

    monkeypatch.setattr(shared_controller, "shared_lock", lock_of_another)
    with mine.lock():
        after = [trial.user_attrs["seen"] for trial in shared.get_trials()]
    assert after[0] > before[0]
    assert after[1] == before[1]


def test_a_trial_that_was_given_away_and_claimed_again_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = study()
    mine, theirs, trial = controller(shared, "a"), controller(shared, "b"), shared.ask()
    mine.claim(trial)
    theirs._requeue(0)
    monkeypatch.setattr(shared_controller, "HEARTBEAT_S", -1.0)
    mine._mark_if_due()
    again = shared.ask()
    mine.claim(again)
    assert again.number == 0
    assert mine.heartbeat([again]) == []


def test_new_trials_may_be_made_until_the_last_one_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = study()
    mine = controller(shared, "a")
    assert mine.may_create(2)
    first = shared.ask()
    assert mine.may_create(2)
    assert not mine.was_waiting(first, 99)
    mine.claim(first)
    shared.ask()
    assert not mine.may_create(2)
    mine._requeue(0)
    assert mine.was_waiting(shared.ask(), 0)
    assert not SoleController(shared, shared._storage).may_create(9)


def test_reports_of_other_controllers_are_added_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_controller, "REFRESH_S", -1.0)
    shared, state = study(), IncrementalState(MedianStopping(), "maximize")
    mine = controller(shared, "here:a")
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
    first, second = (controller(shared, name) for name in "ab")

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
    controller(shared, "a").join("abc")
    controller(shared, "b").join("abc")
    with pytest.raises(RequestError, match="differs"):
        controller(shared, "b").join("xyz")
    refuse_unlockable(URL)
    refuse_unlockable("postgresql://me:secret@host/db")
    with pytest.raises(RequestError, match="can lock") as refused:
        refuse_unlockable("mysql://me:secret@host/db")
    assert "secret" not in str(refused.value)
    with pytest.raises(RequestError, match="can lock"):
        refuse_unlockable("sqlite://")


def test_a_command_returns_its_own_earlier_trials_to_the_queue_and_no_others() -> None:
    shared = study()
    mine, theirs = (controller(shared, name) for name in ("here:a", "there:b"))
    for who in (mine, theirs):
        who.claim(shared.ask())
    shared.ask()
    assert mine.requeue_own() == [0, 2], "the last has no claim: its controller was killed before it could mark it"
    assert [trial.state.name for trial in shared.get_trials()] == ["WAITING", "RUNNING", "WAITING"]
    assert mine.count_trials(0, 0) == (3, 2)
    assert mine.has_unfinished_trials()
    assert mine.num_awaited() == 3
    assert SoleController(shared, shared._storage).requeue_own() == [1]


def test_trials_of_a_silent_controller_return_to_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = study()
    mine, silent, older = controller(shared, "a"), controller(shared, "b"), controller(shared, "c")
    for who in (mine, silent, older):
        who.claim(shared.ask())
    shared._storage.set_trial_user_attr(shared.get_trials()[2]._trial_id, "seen", None)
    at(monkeypatch, monotonic=0.0)
    assert mine.take_over() == []
    at(monkeypatch, monotonic=shared_controller.SILENT_S - 1)
    assert mine.take_over() == []
    at(monkeypatch, monotonic=2 * shared_controller.SILENT_S)
    assert mine.take_over() == [1], "an older version did not mark a launcher's trials: they may be running"
    assert [trial.state.name for trial in shared.get_trials()] == ["RUNNING", "WAITING", "RUNNING"]
    assert silent.heartbeat([]) == []
    monkeypatch.setattr(shared_controller, "HEARTBEAT_S", -1.0)
    assert silent.heartbeat([optuna.trial.Trial(shared, shared.get_trials()[1]._trial_id)]) == [1]


def test_a_clock_that_was_set_forward_takes_no_trials_away(monkeypatch: pytest.MonkeyPatch) -> None:
    shared, now = study(), time.time()
    mine, living, silent = (controller(shared, name) for name in "abc")
    trials = [shared.ask(), shared.ask()]
    living.claim(trials[0])
    silent.claim(trials[1])
    at(monkeypatch, monotonic=0.0, clock=now + 10 * shared_controller.SILENT_S)
    assert mine.take_over() == []
    trials[0].set_user_attr("seen", now + 15)  # by its own clock
    at(monkeypatch, monotonic=shared_controller.WATCH_S)
    assert mine.take_over() == [1]


def test_a_controller_that_wakes_while_another_waits_for_the_lock_keeps_its_trial(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shared = study()
    mine, other, trial = controller(shared, "a"), controller(shared, "b"), shared.ask()
    other.claim(trial)
    at(monkeypatch, monotonic=0.0)
    mine.take_over()
    at(monkeypatch, monotonic=2 * shared_controller.SILENT_S)
    with monkeypatch.context() as patched:
        patched.setattr(mine, "lock", lambda: (trial.set_user_attr("seen", time.time() + 1), MagicMock())[1])
        assert mine.take_over() == []
    assert shared.get_trials()[0].state is TrialState.RUNNING


def test_one_controller_confirms_and_a_later_command_may_resume_it() -> None:
    shared = study()
    mine, other = controller(shared, "a"), controller(shared, "b")
    assert mine.may_confirm(is_new_command=False)
    assert not other.may_confirm(is_new_command=False)
    assert mine.may_confirm(is_new_command=False)
    assert other.may_confirm(is_new_command=True)
    assert SoleController(shared, shared._storage).may_confirm(is_new_command=False)
