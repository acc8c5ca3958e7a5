"""A run with a refit: both scores, one test, killed and resumed in either fit, and the refit is what predicts."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from lab.core.record.run_folder import RunFolder
from lab.training.tasks.saved_model import load_model

SETTINGS = [
    "model=ngram", "data.num_rows=400", "data.split.val=0.2", "data.split.refit=true", "trainer.max_epochs=3",
    "data.batch_size=32", "callbacks.early_stopping.patience=1", "logger=csv", "trainer.threads=1",
    "callbacks.curves.png=false", "callbacks.checkpoint.every_n_steps=2", "loss.logit_adjustment=0",
]  # fmt: skip
BATCHES = 9
"""Of an epoch of the first fit."""


@pytest.fixture(scope="module")
def refitted(warm: Any, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    run = RunFolder(tmp_path_factory.mktemp("refitted"))
    assert warm.run(run.path, SETTINGS) == 0
    return run


def weights(path: Path) -> dict[str, torch.Tensor]:
    return torch.load(path, weights_only=True)["state_dict"]  # type: ignore[no-any-return]


def test_the_record_has_the_choice_and_the_refit(refitted: RunFolder) -> None:
    record = refitted.read()
    assert record["status"] == "early_stopped"
    assert record["data"]["rows"] == {"train": 280, "val": 80, "test": 40}
    plan = record["refit"]
    assert (plan["status"], plan["rows"], plan["step"]) == ("completed", 360, record["objective"]["step"])
    assert plan["steps"] == 12 * (record["objective"]["epoch"] + 1)
    assert record["metrics"]["val"]["f1_macro"] == record["objective"]["value"]
    assert record["calibration"]["val"]["modo"]["rows"] == 80
    assert len(refitted.refit.history()) == record["objective"]["epoch"] + 1
    assert not refitted.refit.last.exists()


def test_the_refit_is_what_predicts(refitted: RunFolder) -> None:
    assert refitted.final == refitted.refitted
    loaded, refit, first = load_model(refitted.path).state_dict(), weights(refitted.refitted), weights(refitted.best)
    assert all(torch.equal(loaded[name], refit[name]) for name in refit)
    assert not all(torch.equal(first[name], refit[name]) for name in refit)


def test_a_test_of_the_folder_is_of_the_refit(warm: Any, refitted: RunFolder) -> None:
    before, calibration = refitted.read(), refitted.read_calibration()
    refitted.calibration.unlink()  # it is fitted again, on rows that the first fit had not seen
    assert warm.run(refitted.path, [*SETTINGS, f"test={refitted.path}"]) == 0
    assert refitted.read() == before
    assert refitted.read_calibration() == calibration


@pytest.mark.parametrize("kill_at", [[BATCHES + 5], [2 * BATCHES + 5, 3]])
def test_killed_in_either_fit_and_resumed_equals_uninterrupted(
    warm: Any, equal_runs: Any, refitted: RunFolder, tmp_path: Path, kill_at: list[int]
) -> None:
    run = RunFolder(tmp_path / "run")
    for number, at in enumerate(kill_at):
        assert warm.run(run.path, [*SETTINGS, *([f"resume={run.path}"] if number else [])], kill_at=at) == 9
    assert json.loads((run.path / "run.json").read_text())["status"] == "running"
    assert warm.run(run.path, [*SETTINGS, f"resume={run.path}"]) == 0
    equal_runs(run, refitted)
    assert run.read()["refit"] == refitted.read()["refit"]
    ours, theirs = weights(run.refitted), weights(refitted.refitted)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert [row["step"] for row in run.refit.history()] == [row["step"] for row in refitted.refit.history()]


def test_a_longer_first_fit_is_refitted_anew(warm: Any, refitted: RunFolder, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    short = [word for word in SETTINGS if "patience" not in word]
    assert warm.run(run.path, [*short, "trainer.max_epochs=1", "scheduler=constant"]) == 0
    first = run.read()["refit"]
    assert warm.run(run.path, [*short, "trainer.max_epochs=2", "scheduler=constant", f"resume={run.path}"]) == 0
    assert run.read()["refit"]["steps"] == 2 * first["steps"]
