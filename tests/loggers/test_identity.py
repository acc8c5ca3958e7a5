"""Ids of tracking services outlive the process."""

from pathlib import Path

from lab.loggers.identity import recall, remember


def test_each_logger_keeps_its_own_id(tmp_path: Path) -> None:
    assert recall(tmp_path, "wandb") is None
    remember(tmp_path, "wandb", "a1")
    remember(tmp_path, "mlflow", "b2")
    remember(tmp_path, "wandb", "a3")
    assert (recall(tmp_path, "wandb"), recall(tmp_path, "mlflow")) == ("a3", "b2")
