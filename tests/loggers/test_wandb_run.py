"""What an offline run of W&B holds, read back from its file."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from lab.loggers.base import Outcome
from lab.loggers.wandb_run import WandbLogger
from lab.schema import Wandb

CONFIG = {"seed": 42, "optimizer": {"lr": 3e-5, "betas": [0.9, 0.999]}, "data": {"labels": ["causa"]}, "resume": None}


def settings(**changes: Any) -> Wandb:
    plain = {"project": "lab", "entity": None, "group": None, "mode": "offline", "log_checkpoint": False}
    return Wandb(**({**plain, "prediction_rows": 4} | changes))


def start(folder: Path, name: str = "tiny-lr3e-5", group: str | None = "study", **changes: Any) -> WandbLogger:
    folder.mkdir(exist_ok=True)
    return WandbLogger(settings(**changes), folder, CONFIG, name, group, ["first", "try"])


@pytest.fixture
def stored(read_wandb: Callable[[Path], list[Any]]) -> Callable[[Path], list[Any]]:
    """Records of the one run kept in a run folder."""

    def read(folder: Path) -> list[Any]:
        (path,) = folder.glob("wandb/offline-run-*/run-*.wandb")
        return read_wandb(path)

    return read


def kind(records: list[Any], name: str) -> list[Any]:
    return [getattr(record, name) for record in records if record.WhichOneof("record_type") == name]


def values(items: Any) -> dict[str, Any]:
    return {"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in items}


def summary(records: list[Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for update in kind(records, "summary"):
        merged |= values(update.update)
    return merged


def test_history_has_one_row_per_validation(tmp_path: Path, fit: Callable[..., None], stored: Any) -> None:
    logger = start(tmp_path / "run")
    fit([logger], epochs=3)
    logger.finish("completed")
    rows = [values(row.item) for row in kind(stored(tmp_path / "run"), "history")]
    assert [row["epoch"] for row in rows] == [0, 1, 2]
    assert [row["_step"] for row in rows] == [4, 9, 14]
    assert all({"val/loss", "val/f1_macro", "train/loss", "lr"} <= set(row) for row in rows)
    assert not any("test/accuracy" in row for row in rows)


def test_a_row_is_closed_as_soon_as_it_is_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logger, sent = start(tmp_path), []
    monkeypatch.setattr(logger.run, "log", lambda row, step, commit=None: sent.append((row, step, commit)))
    logger.log_metrics({"val/loss": 0.5, "lr": 0.1}, 4)
    assert sent == [({"val/loss": 0.5, "lr": 0.1}, 4, True)]
    logger.finish("completed")


def test_two_runs_of_one_process_are_two_ids_in_one_group_both_closed(
    tmp_path: Path, fit: Callable[..., None], outcome: Outcome, stored: Any
) -> None:
    for number in range(2):
        logger = start(tmp_path / str(number), name=f"trial-{number}")
        fit([logger], epochs=1)
        logger.log_outcome(outcome)
        logger.finish("completed" if number == 0 else "failed", "loss is not finite")
    records = [stored(tmp_path / str(number)) for number in range(2)]
    runs = [kind(each, "run")[0] for each in records]
    assert runs[0].run_id != runs[1].run_id
    assert [run.run_group for run in runs] == ["study", "study"]
    assert [run.display_name for run in runs] == ["trial-0", "trial-1"]
    assert list(runs[0].tags) == ["first", "try"]
    assert runs[0].project == "lab"
    assert [kind(each, "exit")[0].exit_code for each in records] == [0, 1]
    assert summary(records[1])["status"] == "failed"
    assert all(len(kind(each, "history")) == 1 for each in records)


def test_config_is_config_yaml(tmp_path: Path, stored: Any) -> None:
    OmegaConf.save(OmegaConf.create(CONFIG), tmp_path / "config.yaml")
    start(tmp_path).finish("completed")
    kept = values(kind(stored(tmp_path), "run")[0].config.update)
    kept.pop("_wandb")
    assert kept == OmegaConf.to_container(OmegaConf.load(tmp_path / "config.yaml"))


def test_outcome_goes_into_the_summary_and_adds_no_row(
    tmp_path: Path, fit: Callable[..., None], outcome: Outcome, stored: Any
) -> None:
    folder = tmp_path / "run"
    logger = start(folder)
    fit([logger], epochs=2)
    logger.log_outcome(outcome)
    logger.finish("early_stopped", "no improvement for 3 epochs")
    records = stored(folder)
    assert len(kind(records, "history")) == 2
    kept = summary(records)
    assert kept["test/accuracy"] == 0.5
    assert kept["test/causa/f1_macro"] == 0.625
    assert kept["best/val/f1_macro"] == 0.75
    assert kept["status"] == "early_stopped"
    assert kept["reason"] == "no improvement for 3 epochs"
    tables = {path.name.split("_")[0]: json.loads(path.read_text()) for path in folder.rglob("*.table.json")}
    assert tables["predictions"]["columns"] == ["text", "causa"]
    assert [row[0] for row in tables["predictions"]["data"]] == ["bomba 0", "bomba 1", "bomba 2", "bomba 3"]
    assert tables["causa"]["data"][1] == ["desgaste", "fuga", 1]


@pytest.mark.parametrize("asked", [True, False])
def test_best_checkpoint_is_an_artifact_when_asked(tmp_path: Path, outcome: Outcome, stored: Any, asked: bool) -> None:
    logger = start(tmp_path / "run", log_checkpoint=asked)
    logger.log_outcome(outcome)
    logger.finish("completed")
    artifacts = kind(stored(tmp_path / "run"), "artifact")
    assert [item.name for item in artifacts if item.type == "model"] == ([f"best-{logger.version}"] if asked else [])


def test_figures_are_shown(tmp_path: Path, outcome: Outcome, stored: Any) -> None:
    from PIL import Image

    (tmp_path / "run" / "figures").mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(tmp_path / "run" / "figures" / "confusion_causa.png")
    logger = start(tmp_path / "run")
    logger.log_outcome(outcome)
    logger.finish("completed")
    kept = summary(stored(tmp_path / "run"))
    assert any(name.startswith("figures/confusion_causa") for name in kept), sorted(kept)


def test_a_resumed_run_keeps_its_id(tmp_path: Path) -> None:
    first = start(tmp_path)
    first.finish("interrupted")
    second = start(tmp_path)
    second.finish("completed")
    assert first.version == second.version


def test_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    start(tmp_path).finish("completed")
    assert capfd.readouterr() == ("", "")


def test_a_key_without_a_network_means_offline_unless_online_was_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, stored: Any
) -> None:
    from wandb.errors import CommError

    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("WANDB_API_KEY", "0123456789" * 4)
    monkeypatch.setattr("lab.loggers.wandb_run.START_LIMIT_S", 0.5)
    with pytest.raises(CommError):
        start(tmp_path / "asked", mode="online")
    logger = start(tmp_path / "auto", mode="auto")
    logger.finish("completed")
    assert kind(stored(tmp_path / "auto"), "exit")
    assert "cannot be reached" in caplog.text
