"""metrics.csv: a row a validation, late columns, resume."""

import csv
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from lightning.pytorch.loggers import CSVLogger

from lab.core.record.run_folder import RunFolder
from lab.loggers.base import Outcome
from lab.loggers.csv import CsvLogger


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_fit_leaves_a_row_a_validation(tmp_path: Path, fit: Callable[..., None]) -> None:
    logger = CsvLogger(tmp_path)
    fit([logger], epochs=2)
    logger.finish("completed")
    table = rows(tmp_path)
    assert [row["step"] for row in table] == ["4", "9"]
    assert all(row["train/loss"] and row["val/loss"] and row["lr"] == "0.1" for row in table)
    assert "test/accuracy" not in table[0]


def test_it_is_lightnings_csv_logger(tmp_path: Path) -> None:
    logger = CsvLogger(tmp_path)
    assert isinstance(logger, CSVLogger)
    logger.experiment.log_metrics({"own": 0.5}, 3)
    logger.save()
    assert rows(tmp_path) == [{"step": "3", "own": "0.5"}]


def test_test_scores_are_the_last_row(tmp_path: Path, fit: Callable[..., None], outcome: Outcome) -> None:
    logger = CsvLogger(tmp_path)
    fit([logger], epochs=2)
    for _ in range(2):
        logger.log_outcome(outcome)
    *validations, last = rows(tmp_path)
    assert [row["step"] for row in validations] == ["4", "9"]
    assert {name: value for name, value in last.items() if value} == {
        "step": "9", "test/accuracy": "0.5", "test/causa/f1_macro": "0.625",
    }  # fmt: skip


def test_a_run_that_is_continued_after_its_test_has_a_new_last_row(tmp_path: Path, outcome: Outcome) -> None:
    validate(tmp_path, range(3))
    CsvLogger(tmp_path).log_outcome(outcome)
    assert [row["step"] for row in rows(tmp_path)] == ["0", "1", "2", "9"]
    validate(tmp_path, range(3, 5))
    CsvLogger(tmp_path).log_outcome(outcome)
    assert [row["step"] for row in rows(tmp_path)] == ["0", "1", "2", "3", "4", "9"]
    assert [bool(row["test/accuracy"]) for row in rows(tmp_path)] == [False] * 5 + [True]


def test_rows_of_steps_before_the_checkpoint_are_kept(tmp_path: Path) -> None:
    for name, parts in (("straight", [range(1, 9)]), ("cut", [range(1, 8), range(5, 9)])):
        run = RunFolder(tmp_path / name)
        run.path.mkdir()
        for steps in parts:
            logger = CsvLogger(run.path)
            run.cut_history(steps.start - 1)
            for step in steps:
                logger.log_metrics({"epoch": 0, "train/loss_step": 1 / step}, step)
                if step % 4 == 0:
                    logger.log_metrics({"val/loss": 2 / step}, step)
                    run.append_history({"epoch": 0, "step": step, "val/loss": 2 / step})
    (one, other) = ((tmp_path / name / "metrics.csv").read_text().splitlines() for name in ("straight", "cut"))
    assert rows(tmp_path / "cut") == rows(tmp_path / "straight")
    assert sorted(one[0].split(",")) == sorted(other[0].split(","))


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


def test_a_row_is_on_disk_as_soon_as_it_is_logged(tmp_path: Path) -> None:
    logger = CsvLogger(tmp_path)
    logger.log_metrics({"lr": 1.0}, 0)
    logger.log_metrics({"lr": 2.0}, 1)
    assert [row["lr"] for row in rows(tmp_path)] == ["1", "2"]


def validate(folder: Path, steps: range) -> None:
    """A process that validates after these steps, in a run's order: the loggers first, then history.jsonl."""
    run, logger = RunFolder(folder), CsvLogger(folder)
    run.cut_history(steps.start - 1)
    for step in steps:
        metrics = {"epoch": step, "lr": 0.5 + step, "val/loss": math.nan if step == 1 else 1 / (step + 1)}
        logger.log_metrics(metrics, step)
        run.append_history({"step": step, **metrics})


@pytest.mark.parametrize("kept", ["", "step,lr\n0,0.5\n", "step,lr,val/loss\n0,0.5,1\n1,1.5,\n4,0."])
def test_a_resumed_file_equals_a_straight_one_whatever_the_kill_left(tmp_path: Path, kept: str) -> None:
    for name in ("straight", "cut"):
        (tmp_path / name).mkdir()
    validate(tmp_path / "straight", range(8))
    validate(tmp_path / "cut", range(4))
    (tmp_path / "cut" / "metrics.csv").write_text(kept)
    validate(tmp_path / "cut", range(3, 8))
    assert rows(tmp_path / "cut") == rows(tmp_path / "straight")
    assert len(rows(tmp_path / "cut")) == len(RunFolder(tmp_path / "cut").history())


def test_a_test_on_its_own_leaves_the_file_alone(tmp_path: Path) -> None:
    first = CsvLogger(tmp_path)
    first.log_metrics({"lr": 1.0}, 5)
    first.finish("completed")
    again = CsvLogger(tmp_path)
    again.log_metrics({"test/accuracy": 0.5}, 0)
    again.finish("completed")
    assert rows(tmp_path) == [{"step": "5", "lr": "1"}]
