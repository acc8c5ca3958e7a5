"""The folder of a killed trial: its record is read or completed, its files are moved, and nothing is lost."""

from pathlib import Path

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial

from lab.core.errors import RequestError
from lab.core.locks import sole
from lab.core.record.run_folder import RunFolder, StudyFolder
from lab.sweep.execution.recovery import record_failure, recorded_outcome, refuse_other_parameters, resume_override
from lab.sweep.execution.trial_outcome import TrialOutcome
from lab.sweep.search_space.space import parse_space


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = StudyFolder(tmp_path).trial(3)
    folder.path.mkdir()
    return folder


def test_a_recorded_end_is_read(run: RunFolder) -> None:
    assert recorded_outcome(run) is None
    run.start()
    assert recorded_outcome(run) is None
    for status, ended in (("completed", "completed"), ("early_stopped", "completed"), ("terminated", "terminated")):
        run.update(status=status, reason="so it was")
        assert recorded_outcome(run) == TrialOutcome(ended, "so it was")  # type: ignore[arg-type]
    run.update(status="failed", reason="not finite", failure="nan")
    assert recorded_outcome(run) == TrialOutcome("failed", "not finite", "nan")
    run.update(status="interrupted", reason="stopped from outside", failure=None)
    assert recorded_outcome(run) is None


def test_a_record_without_an_end_is_completed(run: RunFolder) -> None:
    record_failure(run, TrialOutcome("failed", "its process was killed", "oom"))
    assert not (run.path / "run.json").exists()
    run.start()
    record_failure(run, TrialOutcome("failed", "its process was killed", "oom"))
    assert [run.read()[key] for key in ("status", "reason", "failure")] == ["failed", "its process was killed", "oom"]
    record_failure(run, TrialOutcome("failed", "another", "error"))
    assert run.read()["reason"] == "its process was killed"


def test_a_run_on_which_another_process_works_gets_no_end(run: RunFolder) -> None:
    run.start()
    with sole(run.lock):
        record_failure(run, TrialOutcome("failed", "its process was killed", "oom"))
        assert run.read()["status"] == "running"
        assert recorded_outcome(run) is None


def test_a_run_without_a_checkpoint_is_moved_aside_each_time(run: RunFolder, tmp_path: Path) -> None:
    for time in (1, 2):
        run.path.mkdir(exist_ok=True)
        (run.path / "train.log").write_text(f"{time}")
        assert resume_override(StudyFolder(tmp_path), "3") == []
        assert not run.path.exists()
    assert [(tmp_path / ".cut" / f"3-{time}" / "train.log").read_text() for time in (1, 2)] == ["1", "2"]


@pytest.mark.parametrize("name", ["3", "confirm/3-43"])
def test_a_run_resumes_from_its_checkpoint(tmp_path: Path, name: str) -> None:
    folder = StudyFolder(tmp_path / "a, b")
    assert resume_override(folder, name) == []
    folder.trial(name).last.parent.mkdir(parents=True)
    folder.trial(name).last.touch()
    assert resume_override(folder, name) == [f"resume='{folder.trial(name).path}'"]
    folder.trial(name).last.unlink()
    assert resume_override(folder, name) == []
    assert [path.name for path in (folder.path / ".cut").iterdir()] == [f"{name.replace('/', '-')}-1"]


@pytest.mark.parametrize(
    ("names", "high", "state", "is_refused"),
    [
        ("", 1.0, TrialState.WAITING, False),
        ("a", 1.0, TrialState.WAITING, False),
        ("ab", 1.0, TrialState.WAITING, False),
        ("ab", 1.0, TrialState.COMPLETE, False),
        ("a", 1.0, TrialState.COMPLETE, True),
        ("a", 2.0, TrialState.WAITING, True),
        ("ab", 2.0, TrialState.WAITING, True),
        ("abc", 1.0, TrialState.WAITING, True),
        ("c", 1.0, TrialState.WAITING, True),
    ],
)
def test_parameters_of_another_space_are_refused_and_those_of_an_interrupted_draw_are_not(
    names: str, high: float, state: TrialState, is_refused: bool
) -> None:
    """A command that is killed while it draws a trial has stored some of its parameters."""
    uniform = {"type": "uniform", "min_value": 0.0, "max_value": 1.0}
    space = parse_space({"optimizer.a": uniform, "optimizer.b": uniform})
    known = {f"optimizer.{name}": FloatDistribution(0.0, high) for name in names}
    value = 1.0 if state == TrialState.COMPLETE else None
    trial: optuna.trial.FrozenTrial = create_trial(
        state=state, value=value, params=dict.fromkeys(known, 0.5), distributions=dict(known)
    )
    if is_refused:
        with pytest.raises(RequestError, match="another search space"):
            refuse_other_parameters([trial], space, "toy")
    else:
        refuse_other_parameters([trial], space, "toy")
