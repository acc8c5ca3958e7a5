"""The study's own run in W&B: read back from its offline file. No network, no trials."""

import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from lab.core.record.run_folder import StudyFolder
from lab.core.record.tracking_ids import mark_lost, remember
from lab.loggers import sweep_callbacks
from lab.loggers.sweep_callbacks import LogStudy, failed_loggers, group_of, log_study, study_summary

SETTINGS = {"project": "lab", "entity": None, "group": None, "mode": "offline"}
SUMMARY = {
    "study": "toy", "objective": {"metric": "val/f1", "goal": "maximize"}, "trials": {"total": 2, "completed": 2},
    "ended": None, "confirmed": [{"trial": 1, "mean": 0.7, "ci95": 0.1}, {"trial": 0, "mean": 0.6, "ci95": 0.1}],
    "winner": {"trial": 1, "value": 0.75, "epoch": 2, "command": "python train.py seed=1", "values": {"seed": 1}},
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "multirun" / "toy"
    study = StudyFolder(path)
    study.write_study({"study": "toy", "search_space": {"seed": "choice(0,1)"}, "total": 2})
    study.write_summary(SUMMARY)
    study.write_trials([{"trial": 0, "state": "completed", "val/f1": 0.5}, {"trial": 1, "state": "completed"}])
    study.trial(0).path.mkdir()
    study.trial(0).start(sweep={"study": "team/toy", "trial": 0})
    return path


def config(folder: Path, **logger: Any) -> Any:
    return OmegaConf.create({"hydra": {"sweep": {"dir": str(folder)}}, "logger": logger, "tags": ["first"]})


def ended(config: Any) -> None:
    callback = LogStudy()
    callback.start_ns = 0
    callback.on_multirun_end(config)


def of_kind(records: list[Any], name: str) -> list[Any]:
    return [getattr(record, name) for record in records if record.WhichOneof("record_type") == name]


def test_the_study_is_a_run_in_its_trials_group(folder: Path, read_wandb: Callable[[Path], list[Any]]) -> None:
    ended(config(folder, wandb=SETTINGS))
    (path,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    records = read_wandb(path)
    run = of_kind(records, "run")[0]
    assert (run.run_group, run.job_type, run.display_name, run.project) == ("team/toy", "study", "toy", "lab")
    assert list(run.tags) == ["first"]
    config_values = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert config_values["search_space"] == {"seed": "choice(0,1)"}
    columns: dict[str, Any] = {}
    for summary in of_kind(records, "summary"):
        columns |= {"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in summary.update}
    assert {key: columns[key] for key in study_summary(SUMMARY)} == study_summary(SUMMARY)
    assert of_kind(records, "exit")[0].exit_code == 0
    (table,) = folder.rglob("*.table.json")
    assert json.loads(table.read_text())["data"] == [["0", "completed", "0.5"], ["1", "completed", ""]]


def test_a_resumed_study_is_the_same_run(folder: Path) -> None:
    log_study(folder, SETTINGS, [])
    log_study(folder, SETTINGS, [])
    assert len({path.name for path in folder.glob("wandb/offline-run-*/run-*.wandb")}) == 1


def test_columns_of_a_study() -> None:
    columns = study_summary(SUMMARY)
    assert (columns["best/val/f1"], columns["best/epoch"], columns["best/seed"], columns["ended"]) == (
        0.75,
        2,
        1,
        "complete",
    )
    assert columns["confirmed/mean"] == 0.7
    assert study_summary(SUMMARY | {"winner": None, "ended": "by Ctrl-C"}) == {
        "trials/total": 2, "trials/completed": 2, "ended": "by Ctrl-C",
    }  # fmt: skip


def test_only_where_the_trials_log_there_and_this_command_wrote_a_summary(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[Path] = []
    monkeypatch.setattr(sweep_callbacks, "log_study", lambda folder, *_: logged.append(folder))
    ended(config(folder, csv={}))
    ended(config(folder.parent, wandb=SETTINGS))
    refused = LogStudy()
    refused.on_multirun_start(config(folder))
    refused.on_multirun_end(config(folder, wandb=SETTINGS))
    assert logged == []
    ended(config(folder, wandb=SETTINGS))
    assert logged == [folder]


def test_a_logger_that_fails_costs_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with caplog.at_level(logging.WARNING):
        ended(config(folder, wandb=SETTINGS))
    assert [line for line in caplog.messages if "could not log the study" in line] == caplog.messages
    assert len(caplog.messages) == 1


def test_the_group_without_a_record_is_the_folders_name(tmp_path: Path) -> None:
    assert group_of(tmp_path) == tmp_path.name


def test_each_logger_has_a_line_with_its_jobs(tmp_path: Path) -> None:
    for job in ("10", "2", "lr=1,seed=2", "confirm/0-43"):
        mark_lost(tmp_path / job, "mlflow", f"{job} failed")
    mark_lost(tmp_path / "2", "wandb", "no route")
    remember(tmp_path / "3", "mlflow", "a1")
    mark_lost(tmp_path / ".cut" / "4-1", "mlflow", "interrupted")
    assert failed_loggers(tmp_path) == [
        f"logger mlflow failed in 4 of the jobs, which are complete in {tmp_path}: 2, 10, lr=1,seed=2, confirm/0-43 "
        "(2 failed)",
        f"logger wandb failed in 1 of the jobs, which are complete in {tmp_path}: 2 (no route)",
    ]
    assert failed_loggers(tmp_path / "nowhere") == []
