"""Resumed equals uninterrupted, wherever validations and the end of a run fall inside an epoch."""

import csv
from pathlib import Path
from typing import Any

import pytest
import torch

from lab.core.record.run_folder import RunFolder

COSTS = ("_per_s", "_gib")
SETTINGS = [
    "data.num_rows=100", "data.batch_size=8", "trainer.max_epochs=3", "logger=csv", "callbacks.curves.png=false",
    "callbacks.checkpoint.every_n_steps=1", "trainer.threads=1", "model.architecture.hidden_size=32",
    "model.architecture.intermediate_size=64", "model.vocabulary_size=500",
]  # fmt: skip
BATCHES = 10
"""Of an epoch: 80 rows."""

CASES = {
    "max_steps": (["trainer.max_steps=15"], [6, 9], [10, 15]),
    "unlimited epochs": (["trainer.max_epochs=null", "trainer.max_steps=15", "scheduler=cosine"], [12], [10, 15]),
    "half epochs": (["trainer.val_check_interval=0.5"], [6, 10], [5, 10, 15, 20, 25, 30]),
    "every batch": (["trainer.val_check_interval=1", "trainer.max_epochs=1"], [4, 5], list(range(1, 11))),
    "early stopping": (
        ["trainer.val_check_interval=0.5", "callbacks.early_stopping.patience=1", "optimizer.lr=1e-9"], [7], None),
    "across epochs": (
        ["trainer.check_val_every_n_epoch=null", "trainer.val_check_interval=7"], [8, 7], [7, 14, 21, 28]),
    "every second epoch": (
        ["trainer.check_val_every_n_epoch=2", "trainer.reload_dataloaders_every_n_epochs=1"], [25], [20]),
    "limited": (
        ["trainer.limit_train_batches=0.5", "trainer.limit_val_batches=1", "trainer.accumulate_grad_batches=2"],
        [8], [3, 6, 9]),
    "overfit": (["trainer.overfit_batches=3"], [5], [3, 6, 9]),
    "weights in bf16": (["trainer.precision=bf16-true"], [14], [10, 20, 30]),
}  # fmt: skip


def without_costs(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if not name.endswith(COSTS)}


QUICK = {"half epochs", "early stopping"}


@pytest.mark.parametrize(
    "case", [case if case in QUICK else pytest.param(case, marks=pytest.mark.slow) for case in CASES]
)
def test_killed_and_resumed_equals_straight(warm: Any, equal_runs: Any, tmp_path: Path, case: str) -> None:
    options, kills, steps = CASES[case]
    straight, run = RunFolder(tmp_path / "straight"), RunFolder(tmp_path / "run")
    assert warm.run(straight.path, SETTINGS + options) == 0
    if steps is not None:
        assert [row["step"] for row in straight.history()] == steps
    for kill_at in kills:
        again = [f"resume={run.path}"] if run.last.exists() else []
        assert warm.run(run.path, SETTINGS + options + again, kill_at=kill_at) == 9
    assert warm.run(run.path, [*SETTINGS, *options, f"resume={run.path}"]) == 0
    equal_runs(straight, run)


def test_an_early_stop_with_validations_inside_epochs_can_be_taken_back(warm: Any, tmp_path: Path) -> None:
    """Patience counts whole epochs, so the stop comes at the end of one; the other epochs are trained afterwards."""
    options = ["trainer.val_check_interval=0.5", "optimizer.lr=1e-9", "trainer.max_epochs=3"]
    straight, run = RunFolder(tmp_path / "straight"), RunFolder(tmp_path / "run")
    assert warm.run(straight.path, SETTINGS + options) == 0
    stopped = [*SETTINGS, *options, "callbacks.early_stopping.patience=1", "callbacks.early_stopping.min_delta=1"]
    assert warm.run(run.path, stopped) == 0
    assert run.read()["status"] == "early_stopped"
    assert run.history()[-1]["step"] == 20
    assert warm.run(run.path, [*SETTINGS, *options, f"resume={run.path}"]) == 0
    assert [without_costs(row) for row in run.history()] == [without_costs(row) for row in straight.history()]
    first, second = (torch.load(folder.last, weights_only=True)["state_dict"] for folder in (straight, run))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_more_steps_go_on_inside_the_epoch(warm: Any, tmp_path: Path) -> None:
    options = ["scheduler=constant", "trainer.max_epochs=null"]
    straight, run = RunFolder(tmp_path / "straight"), RunFolder(tmp_path / "run")
    assert warm.run(straight.path, [*SETTINGS, *options, "trainer.max_steps=15"]) == 0
    assert warm.run(run.path, [*SETTINGS, *options, "trainer.max_steps=7", "trainer.log_every_n_steps=5"]) == 0
    longer = [*SETTINGS, *options, "trainer.max_steps=15", "trainer.log_every_n_steps=3", f"resume={run.path}"]
    assert warm.run(run.path, longer) == 0
    assert [row["step"] for row in run.history()] == [7, 10, 15]
    with (run.path / "metrics.csv").open(encoding="utf-8", newline="") as file:
        logged = [int(row["step"]) for row in csv.DictReader(file) if row["train/loss_step"]]
    assert logged == [5, 9, 12, 15], "the axis of steps continues"
    first, second = (torch.load(folder.last, weights_only=True)["state_dict"] for folder in (straight, run))
    assert all(torch.equal(first[name], second[name]) for name in first)
