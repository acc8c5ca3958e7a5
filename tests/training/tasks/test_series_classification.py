"""Runs on time series: metrics, baselines, predictions by time, killed and resumed, tested again, wrong requests."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
import torch

from lab.core.record.run_folder import RunFolder

QUICK = ["logger=csv", "trainer.threads=1", "callbacks.curves.png=false", "callbacks.checkpoint.every_n_steps=2"]
RAIN = [
    "data=rainfall", "model=inception_time", "model.filters=4", "model.depth=3", "data.hours=1500", "data.stations=2",
    "data.window=48", "trainer.max_epochs=3", "trainer.accumulate_grad_batches=2", "data.batch_size=16", *QUICK,
]  # fmt: skip


@pytest.fixture(scope="module")
def uninterrupted(warm: Any, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("rain")
    assert warm.run(folder, RAIN) == 0
    return RunFolder(folder)


def test_a_run_records_scores_baselines_and_facts(uninterrupted: RunFolder) -> None:
    record = uninterrupted.read()
    assert record["status"] == "completed"
    assert {"accuracy", "balanced_accuracy", "f1_macro", "mcc", "auc", "loss"} <= set(record["metrics"]["test"])
    assert set(record["baselines"]) == {"majority", "persistence", "seasonal_persistence"}
    for split in ("val", "test"):
        scores = {name: each[split] for name, each in record["baselines"].items()}
        assert scores["persistence"]["mcc"] > 0.2 > abs(scores["majority"]["mcc"])
    assert record["data"]["rows"]["train"] == sum(record["data"]["labels"]["train"])
    assert record["data"]["missing"]["rain"] > 0
    assert (uninterrupted.figures / "confusion_rain.png").exists()


def test_predictions_have_group_and_hour(uninterrupted: RunFolder) -> None:
    table = pyarrow.parquet.read_table(uninterrupted.predictions).to_pandas()
    assert list(table["row"]) == list(range(uninterrupted.read()["data"]["rows"]["test"]))
    assert set(table["group"]) == {"E01", "E02"}
    assert all(part["time"].is_monotonic_increasing for _, part in table.groupby("group"))
    assert str(table["time"].min()) >= uninterrupted.read()["data"]["split"]["test_from"].replace("T", " ")
    assert (table["rain"] == table["rain_predicted"]).mean() == pytest.approx(
        uninterrupted.read()["metrics"]["test"]["accuracy"]
    )


@pytest.mark.parametrize("kill_at", [9, 21])
def test_killed_and_resumed_equals_uninterrupted(
    warm: Any, uninterrupted: RunFolder, tmp_path: Path, kill_at: int
) -> None:
    run = RunFolder(tmp_path / "run")
    assert warm.run(run.path, RAIN, kill_at=kill_at) == 9
    assert warm.run(run.path, [*RAIN, f"resume={run.path}"]) == 0
    assert run.read()["metrics"]["test"] == uninterrupted.read()["metrics"]["test"]
    actual, expected = (torch.load(folder.last, weights_only=True)["state_dict"] for folder in (run, uninterrupted))
    assert all(torch.equal(actual[name], expected[name]) for name in expected)


def test_a_finished_run_is_tested_again_from_its_folder(warm: Any, uninterrupted: RunFolder) -> None:
    before = uninterrupted.read()
    assert warm.run(uninterrupted.path, [*RAIN, f"test={uninterrupted.path}"]) == 0
    assert uninterrupted.read() == before
    assert warm.run(uninterrupted.path, [*RAIN, "data.generator_seed=1", f"test={uninterrupted.path}"]) != 0, (
        "other data"
    )


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A run of MiniRocket on 16 training cases of waves of two frequencies."""
    folder, random = tmp_path_factory.mktemp("cases"), np.random.default_rng(0)
    for split, num in (("TRAIN", 16), ("TEST", 20)):
        waves = [np.sin(np.arange(30) * (0.5 + 0.2 * (n % 2))) + random.normal(0, 2.0, 30) for n in range(num)]
        lines = [",".join(f"{value:.3f}" for value in wave) + f":{'ab'[n % 2]}" for n, wave in enumerate(waves)]
        text = "@problemName Own\n@classLabel true\n@data\n" + "\n".join(lines) + "\n"
        (folder / f"Own_{split}.ts").write_text(text)
    own = ["data=ucr", "data.name=Own", f"data.path={folder}", "model=minirocket", "model.num_features=168"]
    return [*own, *QUICK]


def test_a_ridge_is_validated_by_leave_one_out_killed_or_not(warm: Any, cases: list[str], tmp_path: Path) -> None:
    run, killed = RunFolder(tmp_path / "run"), RunFolder(tmp_path / "killed")
    assert warm.run(run.path, cases) == 0
    record = run.read()
    assert record["data"]["rows"] == {"train": 16, "val": 16, "test": 20}
    assert record["data"]["validation"] == "leave_one_out"
    assert record["metrics"]["train"]["accuracy"] == 1.0 > record["metrics"]["val"]["accuracy"] > 0.5
    assert record["warnings"] == []  # a ridge fits its rows exactly: no overfitting
    assert record["calibration"]["val"]["class"]["rows"] == 16
    assert warm.run(killed.path, cases, dies_in="on_test_epoch_start") == 9
    assert warm.run(killed.path, [*cases, f"resume={killed.path}"]) == 0
    for field in ("metrics", "calibration", "objective"):
        assert killed.read()[field] == record[field], field
    assert killed.read_calibration() == run.read_calibration()


def test_a_fold_leaves_its_predictions(warm: Any, cases: list[str], tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    assert warm.run(run.path, [*cases, "data.split.folds=4", "data.split.fold=1"]) == 0
    assert run.read()["data"]["validation"] == "fold 1 of 4"
    table = pyarrow.parquet.read_table(run.fold_predictions).to_pandas()
    assert (len(table), table["row"].max() < 16, table["row"].is_unique) == (4, True, True)
    assert (table["class"] == table["row"].map(lambda case: "ab"[case % 2])).all()
    assert (table["class"] == table["class_predicted"]).mean() == run.read()["metrics"]["val"]["accuracy"]


def test_a_share_holds_out_cases(warm: Any, cases: list[str], tmp_path: Path) -> None:
    held_out = RunFolder(tmp_path / "held_out")
    assert warm.run(held_out.path, [*cases, "data.split.val=0.25"]) == 0
    assert held_out.read()["data"]["rows"] == {"train": 12, "val": 4, "test": 20}
    assert "validation" not in held_out.read()["data"]
