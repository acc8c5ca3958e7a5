"""Runs on time series: metrics, baselines, predictions by time, killed and resumed, tested again, wrong requests."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
import torch

from lab.core.batches import MISSING, HeadSpec
from lab.core.record.run_folder import RunFolder
from lab.data.series.panel import Cut
from lab.training.tasks.series_classification import persistence_scores

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
    assert set(record["baselines"]) == {"majority", "persistence"}
    assert record["baselines"]["persistence"]["mcc"] > 0.2 > abs(record["baselines"]["majority"]["mcc"])
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


def test_persistence_predicts_the_current_class_or_the_most_frequent_if_unknown() -> None:
    def cut(now: list[int] | None) -> Cut:
        ends = np.arange(4, dtype=np.int32)
        labels = np.array([0, 1, 1, 0], np.int16)
        return Cut(ends, ends, labels, None if now is None else np.array(now, np.int16))

    head = HeadSpec("rain", ("no", "yes"), (9, 1))
    assert persistence_scores(cut(None), head) == {}
    assert persistence_scores(cut([0, 1, 1, 0]), head)["persistence"]["auc"] == 1.0
    assert persistence_scores(cut([MISSING, 1, MISSING, 1]), head)["persistence"]["accuracy"] == 0.5
