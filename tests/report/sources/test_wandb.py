"""Offline folders as wandb's own service writes them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab.config.schema.report import ReportRequest
from lab.core.errors import RequestError, RunError
from lab.core.wandb_file import payloads
from lab.report.analysis.run_table import build_run_table
from lab.report.sources.run_folders import SourceRuns
from lab.report.sources.select import objective_of, tracked_run
from lab.report.sources.wandb import read

Ask = Callable[..., ReportRequest]
CONFIG = {
    "objective": {"metric": "val/f1_macro", "mode": "max"},
    "optimizer": {"lr": 3e-5, "betas": [0.9, 0.99]},
    "seed": 3,
}


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory, read_wandb: Callable[[Path], list[Any]]) -> Path:
    """Two runs: one that ended well, one that failed; and a file that is none. The files of both are complete: wandb's
    service may write their ends after `finish()`."""
    import wandb

    folder = tmp_path_factory.mktemp("wandb")
    settings = wandb.Settings(silent=True, console="off", disable_job_creation=True, save_code=False)
    for name, exit_code in (("good", 0), ("failed", 1)):
        run = wandb.init(
            project="p",
            name=name,
            group="study",
            config=CONFIG,
            dir=folder,
            mode="offline",
            reinit="create_new",
            settings=settings,
        )
        for epoch, value in enumerate((0.5, 0.75, 0.625)):
            run.log({"val/f1_macro": value, "train/f1_macro": value + 0.1, "epoch": epoch}, step=10 * (epoch + 1))
        run.summary.update({"test/f1_macro": 0.6})
        run.finish(exit_code=exit_code)
    for path in folder.glob("wandb/*/run-*.wandb"):
        read_wandb(path)
    (folder / "other").mkdir()
    (folder / "other" / "run-x.wandb").write_bytes(b"nothing")
    return folder


def test_offline_folders_become_the_same_table(offline: Path, ask: Ask) -> None:
    result = read(ask(runs=str(offline), source="wandb"))
    runs = build_run_table(result, ask().objective, False, ("seed",))
    good = runs.frame[runs.frame["status"] == "completed"].iloc[0]
    assert good[["objective", "objective_epoch", "objective_step", "seed"]].tolist() == [0.75, 1, 20, 3]
    assert good["test/f1_macro"] == 0.6
    assert good["train/f1_macro"] == 0.85
    assert good["study"] == "study"
    assert good["time_s"] >= 0
    assert runs.constant["optimizer.lr"] == 3e-5
    assert sorted(runs.frame["status"]) == ["completed", "failed"]
    assert [Path(one.path).name for one in result.exclusions] == ["other"]


def test_a_file_cut_by_a_kill_keeps_its_whole_records(offline: Path) -> None:
    data = next(offline.glob("wandb/*/run-*.wandb")).read_bytes()
    whole = list(payloads(data))
    assert list(payloads(data[:-1])) == whole[:-1]
    with pytest.raises(ValueError, match="no record at byte 7"):
        list(payloads(data[:7] + b"\0" * 20))


def test_a_metric_that_no_run_logged_is_refused_with_those_that_are_there(offline: Path, ask: Ask) -> None:
    request = ask(runs=str(offline), source="wandb", objective__metric="val/mcc")
    with pytest.raises(
        RequestError, match=r"objective\.metric=val/mcc: no run has a value of this name; there are val/f1"
    ):
        build_run_table(read(request), request.objective, False, ("seed",))


def test_another_objective_is_taken_at_the_epoch_of_the_runs_own(ask: Ask) -> None:
    request = ask(objective__metric="val/loss")
    objective = objective_of(request, {"objective.metric": "val/f1", "objective.mode": "max"})
    assert objective == ("val/f1", "max")
    rows = [{"epoch": at, "val/f1": f1, "val/loss": loss} for at, (f1, loss) in enumerate([(0.9, 0.4), (0.5, 0.2)])]
    result = tracked_run("a", {"status": "completed"}, {}, rows, {"test/f1": 0.8}, objective)
    frame = build_run_table(SourceRuns([result]), request.objective, False, ("seed",)).frame
    assert frame[["objective", "objective_epoch", "test/f1"]].iloc[0].tolist() == [0.4, 0, 0.8]


def test_a_tracked_run_that_was_trained_on_its_validation_rows_is_not_ranked(ask: Ask) -> None:
    rows = [{"epoch": 0, "val/f1": 0.9}]
    fitted = tracked_run(
        "a", {"status": "completed"}, {"data.split.train_on_val": True}, rows, {"test/f1": 0.8}, ("val/f1", "max")
    )
    runs = build_run_table(SourceRuns([fitted]), ask().objective, False, ("seed",))
    assert runs.frame["objective"].isna().all()
    assert runs.frame["test/f1"].tolist() == [0.8]
    assert [warning.key for warning in runs.warnings] == ["trained_on_val"]


def test_a_project_is_read_through_the_api(monkeypatch: pytest.MonkeyPatch, ask: Ask) -> None:
    import wandb

    rows = [{"_step": 10 * step, "val/f1_macro": step / 10, "epoch": step} for step in range(3)]
    fields: dict[str, Any] = {
        "path": ["me", "p", "abc"],
        "name": "x",
        "group": None,
        "config": CONFIG,
        "state": "finished",
    }
    run = SimpleNamespace(**fields, summary={"test/f1_macro": 0.4, "_runtime": 7.0}, scan_history=lambda: iter(rows))
    api = SimpleNamespace(runs=lambda project: [run] if project == "me/p" else [])
    monkeypatch.setattr(wandb, "Api", lambda: api)
    (result,) = read(ask(source="wandb", tracking__experiment="me/p")).runs
    assert (result.path, result.values["objective"], result.values["time_s"]) == ("me/p/abc", 0.2, 7.0)
    assert result.values["test/f1_macro"] == 0.4

    def refused(_: str) -> Iterator[Any]:
        raise ValueError("Could not find project")

    monkeypatch.setattr(wandb, "Api", lambda: SimpleNamespace(runs=refused))
    with pytest.raises(RunError, match="Could not find project"):
        read(ask(source="wandb", tracking__experiment="me/q"))


def test_without_folders_or_a_project_there_is_nothing_to_read(ask: Ask) -> None:
    with pytest.raises(RequestError, match="names no folder"):
        read(ask(source="wandb"))
