"""The folds of a multirun become one table and one prediction per row, whatever failed or was not a fold."""

import csv
import json
from pathlib import Path

import pyarrow.parquet
import pytest
import yaml

from lab.core.record.run_folder import RunFolder
from lab.sweep.folds.join import join_folds


def write_fold(folder: Path, fold: int | None, accuracy: float, lr: float = 1.0, status: str = "completed") -> None:
    run = RunFolder(folder)
    folder.mkdir(parents=True)
    split = {"folds": None if fold is None else 3, "fold": fold}
    run.config.write_text(yaml.safe_dump({"data": {"split": split}, "optimizer": {"lr": lr}, "run_name": str(fold)}))
    run.start(command="", objective={"metric": "val/accuracy"}, metrics={}, model={}, seed=0)
    run.update(status=status, metrics={"val": {"accuracy": accuracy, "loss": 1.0}, "test": {"accuracy": accuracy / 2}})
    rows = [] if fold is None else [fold, fold + 3]
    run.write_predictions(
        {"row": rows, "modo": ["a"] * len(rows), "modo_predicted": ["b"] * len(rows)}, run.fold_predictions
    )
    columns = "split,row,head,label,predicted,probability,label_probability,reason\n"
    run.review.write_text(
        f"{columns}val,{fold},modo,a,b,0.9,0.{9 - (fold or 0)},label may be wrong\ntest,0,modo,a,b,.9,.1,hard\n"
    )


def test_each_row_has_the_prediction_of_its_fold(tmp_path: Path) -> None:
    for fold, accuracy in enumerate((0.5, 0.6, 0.7)):
        write_fold(tmp_path / str(fold), fold, accuracy)
    write_fold(tmp_path / "other", None, 0.1)
    joined = join_folds(tmp_path)
    table = pyarrow.parquet.read_table(tmp_path / "oof_predictions.parquet")
    assert table["row"].to_pylist() == list(range(6))
    assert table["fold"].to_pylist() == [0, 1, 2, 0, 1, 2]
    (group,) = json.loads((tmp_path / "folds.json").read_text())["groups"]
    assert group["scores"]["val"]["accuracy"] == {"mean": pytest.approx(0.6), "sd": pytest.approx(0.1)}
    assert group["scores"]["test"]["accuracy"]["mean"] == pytest.approx(0.3)
    assert group["missing"] == []
    assert "0.600 ± 0.100" in str(joined.table().rows)
    with (tmp_path / "review.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["fold"] for row in rows] == ["2", "1", "0"], "the least probable label first, test rows not"


def test_configurations_are_apart_and_lost_folds_are_named(tmp_path: Path) -> None:
    for number, lr in enumerate((0.1, 0.2)):
        for fold in range(3):
            status = "failed" if (number, fold) == (1, 1) else "completed"
            write_fold(tmp_path / f"{number}-{fold}", fold, 0.5, lr, status)
    joined = join_folds(tmp_path)
    assert [(group.name, group.missing) for group in joined.groups] == [
        ("optimizer.lr=0.1", []),
        ("optimizer.lr=0.2", [1]),
    ]
    assert any("optimizer.lr=0.2: no result of fold 1" in line for line in joined.lines)
    assert len(pyarrow.parquet.read_table(tmp_path / "oof_predictions_2.parquet")) == 4


def test_a_multirun_without_folds_writes_nothing(tmp_path: Path) -> None:
    write_fold(tmp_path / "0", None, 0.5)
    assert not join_folds(tmp_path).groups
    assert not (tmp_path / "folds.json").exists()
