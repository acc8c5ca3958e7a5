"""metrics.csv: a row a step, late columns, resume."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.loggers.csv_file import CsvLogger


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_fit_leaves_a_row_a_step(tmp_path: Path, fit: Callable[..., None]) -> None:
    logger = CsvLogger(tmp_path)
    fit([logger], epochs=2)
    logger.finish("completed")
    table = rows(tmp_path)
    assert [row["step"] for row in table] == ["1", "3", "4", "5", "7", "9"]
    assert [row["step"] for row in table if row["val/loss"]] == ["4", "9"]
    assert all(row["train/loss"] for row in table if row["val/loss"]), "the epoch's means share the validation's row"
    assert table[0]["lr"] == "0.1"
    assert "test/accuracy" not in table[0]


def test_a_late_column_keeps_the_earlier_rows(tmp_path: Path) -> None:
    logger = CsvLogger(tmp_path)
    for step in range(3):
        logger.log_metrics({"lr": 0.5}, step)
    logger.log_metrics({"val/loss": 0.25, "lr": 0.5}, 3)
    logger.finish("completed")
    assert rows(tmp_path) == [
        *({"step": str(step), "lr": "0.5", "val/loss": ""} for step in range(3)),
        {"step": "3", "lr": "0.5", "val/loss": "0.25"},
    ]


def test_rows_are_on_disk_as_soon_as_their_step_is_over(tmp_path: Path) -> None:
    logger = CsvLogger(tmp_path)
    logger.log_metrics({"lr": 1.0}, 0)
    logger.log_metrics({"lr": 2.0}, 1)
    assert [row["lr"] for row in rows(tmp_path)] == ["1"]


@pytest.mark.parametrize("torn", ["", "4,0."])
def test_an_interrupted_and_resumed_file_equals_a_straight_one(tmp_path: Path, torn: str) -> None:
    def log(logger: CsvLogger, steps: range) -> None:
        for step in steps:
            logger.log_metrics({"lr": 0.5 + step}, step)
        logger.finish("completed")

    (tmp_path / "straight").mkdir()
    (tmp_path / "cut").mkdir()
    log(CsvLogger(tmp_path / "straight"), range(8))
    log(CsvLogger(tmp_path / "cut"), range(4))
    with (tmp_path / "cut" / "metrics.csv").open("a", encoding="utf-8") as file:
        file.write(torn)
    log(CsvLogger(tmp_path / "cut"), range(2, 8))
    assert rows(tmp_path / "cut") == rows(tmp_path / "straight")


def test_a_test_on_its_own_leaves_the_file_alone(tmp_path: Path) -> None:
    first = CsvLogger(tmp_path)
    first.log_metrics({"lr": 1.0}, 5)
    first.finish("completed")
    again = CsvLogger(tmp_path)
    again.log_metrics({"test/accuracy": 0.5}, 0)
    again.finish("completed")
    assert rows(tmp_path) == [{"step": "5", "lr": "1"}]
