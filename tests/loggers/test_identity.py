"""Ids of tracking services outlive the process."""

from pathlib import Path

import pytest

from lab.loggers.identity import recall, remember


def test_each_logger_keeps_its_own_id(tmp_path: Path) -> None:
    assert recall(tmp_path, "wandb") is None
    remember(tmp_path, "wandb", "a1")
    remember(tmp_path, "mlflow", "b2")
    remember(tmp_path, "wandb", "a3")
    assert (recall(tmp_path, "wandb"), recall(tmp_path, "mlflow")) == ("a3", "b2")


@pytest.mark.parametrize(
    "text",
    ['{"wandb": "yours"}', '{"wandb": "yours", "seal": null}', '{"wandb": "yours", "seal": "00"}'],
)
def test_an_id_in_somebody_elses_folder_names_no_run_of_yours(tmp_path: Path, text: str) -> None:
    (tmp_path / "loggers.json").write_text(text)
    assert recall(tmp_path, "wandb") is None
    remember(tmp_path, "mlflow", "b2")
    assert (recall(tmp_path, "wandb"), recall(tmp_path, "mlflow")) == (None, "b2")


def test_a_changed_id_is_not_believed(tmp_path: Path) -> None:
    remember(tmp_path, "wandb", "a1")
    path = tmp_path / "loggers.json"
    path.write_text(path.read_text().replace("a1", "z9"))
    assert recall(tmp_path, "wandb") is None


def test_without_a_key_no_id_is_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    remember(tmp_path, "wandb", "a1")
    assert recall(tmp_path, "wandb") is None
