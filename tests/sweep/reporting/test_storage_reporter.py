"""A trial that reports into a storage decides as the controller would, and stops when another process has it."""

import time
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from lab.core.errors import RunError
from lab.sweep.reporting.process_reporter import connected, has_other_attempt, trial_number
from lab.sweep.reporting.reporter import TICKET, Report
from lab.sweep.reporting.storage_reporter import StorageReporter, Ticket, ticket
from lab.sweep.storage.optuna_storage import open_storage

BANDIT = {"type": "bandit", "slack_amount": 0.1}


@pytest.fixture
def study(tmp_path: Path) -> optuna.Study:
    """Trial 0 has ended with .5 .8; trial 1 runs."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = open_storage(None, tmp_path / "journal.log")
    made = optuna.create_study(study_name="toy", storage=storage, direction="maximize")
    first, second = made.ask(), made.ask()
    for interval, value in enumerate((0.5, 0.8), 1):
        first.report(value, interval)
    made.tell(first, 0.8)
    second.set_user_attr("attempt", "a")
    return made


def reporter(tmp_path: Path, **changes: object) -> StorageReporter:
    known = {"number": 1, "study": "toy", "journal": str(tmp_path / "journal.log"), "policy": BANDIT, "attempt": "a"}
    return StorageReporter(Ticket(**{**known, **changes}))  # type: ignore[arg-type]


def test_a_trial_stores_its_reports_and_applies_the_policy_to_itself(tmp_path: Path, study: optuna.Study) -> None:
    mine = reporter(tmp_path)
    assert mine.report(Report(1, 0.45, 0, 4)) is None
    reason = mine.report(Report(2, 0.6, 1, 4))
    assert reason is not None
    assert "slack_amount 0.1" in reason
    trial = study.get_trials()[1]
    assert trial.intermediate_values == {1: 0.45, 2: 0.6}
    assert trial.user_attrs["epochs"] == {"1": 0, "2": 1}
    assert (trial.user_attrs["best_value"], trial.user_attrs["best_epoch"]) == (0.6, 1)
    assert trial.user_attrs["termination_reason"] == reason


def test_a_repeated_report_changes_nothing(tmp_path: Path, study: optuna.Study) -> None:
    reporter(tmp_path, policy=None).report(Report(1, 0.45, 0, 4))
    reporter(tmp_path, policy=None).report(Report(1, 0.99, 0, 4))
    assert study.get_trials()[1].intermediate_values == {1: 0.45}


def test_a_job_sees_that_the_study_has_given_its_trial_to_another(
    tmp_path: Path, study: optuna.Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not has_other_attempt(), "no ticket"
    own = Ticket(1, "toy", journal=str(tmp_path / "journal.log"), attempt="a")
    own.write(tmp_path / "1.json")
    monkeypatch.setenv(TICKET, str(tmp_path / "1.json"))
    assert not has_other_attempt()
    study._storage.set_trial_user_attr(study.get_trials()[1]._trial_id, "attempt", "b")
    assert has_other_attempt()
    Ticket(1).write(tmp_path / "1.json")
    assert not has_other_attempt(), "a confirmation has no study"


def test_goal_and_policy_come_from_the_ticket(tmp_path: Path, study: optuna.Study) -> None:
    assert reporter(tmp_path, goal="minimize").report(Report(1, 0.2, 0, 4)) is None
    assert reporter(tmp_path, policy="none").report(Report(2, 0.2, 1, 4)) is None
    assert reporter(tmp_path).report(Report(2, 0.2, 1, 4)) is not None


def test_a_pruner_of_optuna_decides_by_its_own_rules(tmp_path: Path, study: optuna.Study) -> None:
    study.ask().set_user_attr("attempt", "a")
    asha = {"type": "asha", "min_resource": 1, "reduction_factor": 2}
    assert reporter(tmp_path, policy=asha, number=2).report(Report(1, 0.6, 0, 4)) is None
    assert reporter(tmp_path, policy=asha).report(Report(1, 0.1, 0, 4)) == "asha at interval 1"


def test_a_new_start_of_a_trial_stops_the_old_process(tmp_path: Path, study: optuna.Study) -> None:
    old = reporter(tmp_path)
    trial = study.get_trials()[1]
    old.storage.set_trial_user_attr(old.trial_id, "attempt", "b")
    with pytest.raises(KeyboardInterrupt, match="started again"):
        old.report(Report(1, 0.7, 0, 4))
    assert trial.state is TrialState.RUNNING
    assert study.get_trials()[1].intermediate_values == {}


def test_a_trial_fails_at_its_own_limit_and_is_interrupted_at_the_sweeps(
    tmp_path: Path,
    study: optuna.Study,
) -> None:
    with pytest.raises(RunError, match="trial_timeout") as failed:
        reporter(tmp_path, timeout_s=-1.0).report(Report(1, 0.7, 0, 4))
    assert failed.value.kind == "timeout"
    with pytest.raises(KeyboardInterrupt, match="sweep's time"):
        reporter(tmp_path, until=time.time() - 1).report(Report(1, 0.7, 0, 4))


def test_a_ticket_without_a_study_has_no_reporter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (connected(), trial_number(3)) == (None, 3)
    Ticket(7).write(tmp_path / "7.json")
    monkeypatch.setenv(TICKET, str(tmp_path / "7.json"))
    assert ticket() == Ticket(7)
    assert (connected(), trial_number(3)) == (None, 7)
