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
from lab.loggers import sweep_run as studies
from lab.loggers.sweep_run import LogStudy, flat, group_of, log_study

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
    callback.began_ns = 0
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
    asked = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert asked["search_space"] == {"seed": "choice(0,1)"}
    told: dict[str, Any] = {}
    for summary in of_kind(records, "summary"):
        told |= {"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in summary.update}
    assert {key: told[key] for key in flat(SUMMARY)} == flat(SUMMARY)
    assert of_kind(records, "exit")[0].exit_code == 0
    (table,) = folder.rglob("*.table.json")
    assert json.loads(table.read_text())["data"] == [["0", "completed", "0.5"], ["1", "completed", ""]]


def test_a_study_that_went_on_is_the_same_run(folder: Path) -> None:
    log_study(folder, SETTINGS, [])
    log_study(folder, SETTINGS, [])
    assert len({path.name for path in folder.glob("wandb/offline-run-*/run-*.wandb")}) == 1


def test_what_is_summed_up() -> None:
    told = flat(SUMMARY)
    assert (told["best/val/f1"], told["best/epoch"], told["best/seed"], told["ended"]) == (0.75, 2, 1, "complete")
    assert told["confirmed/mean"] == 0.7
    assert flat(SUMMARY | {"winner": None, "ended": "by Ctrl-C"}) == {
        "trials/total": 2, "trials/completed": 2, "ended": "by Ctrl-C",
    }  # fmt: skip


def test_only_where_the_trials_log_there_and_this_command_wrote_a_summary(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[Path] = []
    monkeypatch.setattr(studies, "log_study", lambda folder, *_: logged.append(folder))
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
