"""What a logger lost in a multirun is named with its jobs."""

from pathlib import Path

from lab.core.record.tracking_ids import mark_lost, remember
from lab.loggers.lost import lines


def test_each_logger_has_a_line_with_its_jobs(tmp_path: Path) -> None:
    for job in ("10", "2", "lr=1,seed=2", "confirm/0-43"):
        mark_lost(tmp_path / job, "mlflow", f"{job} failed")
    mark_lost(tmp_path / "2", "wandb", "no route")
    remember(tmp_path / "3", "mlflow", "a1")
    mark_lost(tmp_path / ".cut" / "4-1", "mlflow", "it was cut")
    assert lines(tmp_path) == [
        f"logger mlflow lost 4 of the jobs, which are complete in {tmp_path}: 2, 10, lr=1,seed=2, confirm/0-43 "
        "(2 failed)",
        f"logger wandb lost 1 of the jobs, which are complete in {tmp_path}: 2 (no route)",
    ]
    assert lines(tmp_path / "nowhere") == []
