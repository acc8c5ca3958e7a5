"""A run that is killed after its recorded end gets figures, logger outcome and merged model by the next command."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from lab.cli.resume import resumed_argv
from lab.core.record.run_folder import RunFolder
from lab.sweep.execution.recovery import recorded_outcome
from lab.training import post_processing

CONF = Path(__file__).parents[2] / "conf"
SETTINGS = ["data.num_rows=200", "data.batch_size=16", "trainer.max_epochs=3", "logger=[csv,tensorboard]",
            "trainer.threads=1", "callbacks.curves.png=false", "model.architecture.hidden_size=32",
            "model.architecture.intermediate_size=64", "model.vocabulary_size=500", "optimizer.lr=1e-9",
            "callbacks.early_stopping.patience=1", "callbacks.freeze.schedule={0:2,1:1,2:0}"]  # fmt: skip


@pytest.fixture(scope="module")
def whole(warm: Any, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run that stopped early in its second epoch, before the schedule unfreezes all layers."""
    folder = tmp_path_factory.mktemp("whole")
    assert warm.run(folder, SETTINGS) == 0
    return RunFolder(folder)


def events(folder: Path) -> list[tuple[str, int]]:
    """The scalars that TensorBoard shows, without those that a later file replaces."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    shown = EventAccumulator(str(folder)).Reload()
    return sorted((tag, event.step) for tag in shown.Tags()["scalars"] for event in shown.Scalars(tag))


def figures(folder: RunFolder) -> set[str]:
    return {str(path.relative_to(folder.path)) for path in folder.path.rglob("*.png")}


def test_nothing_is_pending_in_the_end(whole: RunFolder) -> None:
    assert whole.read()["pending"] == []
    assert whole.read()["status"] == "early_stopped"
    assert recorded_outcome(whole) is not None


@pytest.mark.parametrize(
    "dies_in", ["finish", *(pytest.param(name, marks=pytest.mark.slow) for name in ("_draw", "log_outcome"))]
)
@pytest.mark.parametrize("key", ["resume", pytest.param("test", marks=pytest.mark.slow)])
def test_the_next_command_does_the_steps_that_a_kill_left(
    warm: Any, equal_runs: Any, whole: RunFolder, tmp_path: Path, dies_in: str, key: str
) -> None:
    run = RunFolder(tmp_path / "run")
    assert warm.run(run.path, SETTINGS, dies_in=dies_in) == 9
    record = run.read()
    assert record["status"] == "early_stopped"
    assert "loggers" in record["pending"]
    assert ("figures" in record["pending"]) == (dies_in == "_draw")
    assert recorded_outcome(run) is None, "a sweep resumes such a trial"
    resumed_argv(["train.py", f"{key}={run.path}"], CONF)  # must not be refused
    assert warm.run(run.path, [*SETTINGS, f"{key}={run.path}"]) == 0
    assert run.read()["pending"] == []
    assert figures(run) == figures(whole) != set()
    assert set(events(run.path)) == set(events(whole.path))
    equal_runs(whole, run)


def test_an_unknown_step_is_refused(whole: RunFolder, tmp_path: Path) -> None:
    folder = RunFolder(shutil.copytree(whole.path, tmp_path / "run"))
    record = json.loads((folder.path / "run.json").read_text())
    (folder.path / "run.json").write_text(json.dumps(record | {"pending": ["rm -r"]}))
    with pytest.raises(ValueError, match="pending"):
        folder.read()


def test_a_full_disk_after_the_end_does_not_fail_the_run(
    whole: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = RunFolder(shutil.copytree(whole.path, tmp_path / "run"))
    folder.update(pending=["figures", "loggers"])

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(RunFolder, "update", full)
    post_processing.mark_done(folder, "figures")
    assert "still lists figures as pending" in caplog.text
    assert folder.read()["pending"] == ["figures", "loggers"]


@pytest.mark.parametrize("at", [None, pytest.param("test", marks=pytest.mark.slow)])
def test_trainable_parameters_are_those_of_the_last_epoch_also_after_a_resume(
    warm: Any, whole: RunFolder, tmp_path: Path, at: str | None
) -> None:
    """Killed in the test, after an unfreezing: the resuming process trains no epoch and unfreezes nothing."""
    more = ["callbacks.early_stopping.patience=null"] if at is None else []
    uninterrupted = RunFolder(tmp_path / "uninterrupted") if more else whole
    if more:
        assert warm.run(uninterrupted.path, [*SETTINGS, *more]) == 0
    run = RunFolder(tmp_path / "run")
    assert warm.run(run.path, [*SETTINGS, *more], dies_in="on_test_epoch_start") == 9
    assert warm.run(run.path, [*SETTINGS, *more, f"resume={run.path}"]) == 0
    counts = uninterrupted.read()["parameters"]
    assert run.read()["parameters"] == counts
    assert (counts["trainable"] < counts["total"]) == (at == "test"), (
        "only the run that stopped early has frozen layers left"
    )
