"""From a config to running loggers: what was chosen, each fenced, named after the run."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger, WandbLogger
from omegaconf import OmegaConf

from lab.config.check import check
from lab.config.schema import Config
from lab.core.errors import RequestError
from lab.core.record.run_folder import RunFolder
from lab.loggers.base import Outcome
from lab.loggers.build import build
from lab.loggers.failsafe import FailsafeLogger

CONF = Path(__file__).parents[2] / "conf"


def config(*overrides: str) -> Config:
    with initialize_config_dir(str(CONF)):
        return check(compose("config", list(overrides)))


def written(path: Path, chosen: Config) -> RunFolder:
    """A run folder as `lab.training` leaves it before the loggers start."""
    OmegaConf.save(OmegaConf.create(chosen.model_dump(mode="json", exclude_none=True)), path / "config.yaml")
    return RunFolder(path)


def test_without_a_logger_a_run_goes_on(tmp_path: Path, fit: Callable[..., None]) -> None:
    chosen = config("logger=[]")
    loggers = build(chosen, written(tmp_path, chosen))
    assert loggers == []
    fit(loggers, epochs=1)


def test_several_at_once_all_log_into_the_run_folder(
    tmp_path: Path, fit: Callable[..., None], outcome: Outcome, read_wandb: Any
) -> None:
    folder = tmp_path / "10-00-00"
    folder.mkdir()
    chosen = config("logger=[wandb,csv,tensorboard]", "experiment_name=avisos", "run_name=tiny-lr1e-3", "tags=[demo]")
    loggers = build(chosen, written(folder, chosen), study="grid")
    assert all(isinstance(logger, FailsafeLogger) for logger in loggers)
    kinds = (CSVLogger, TensorBoardLogger, WandbLogger)
    assert all(isinstance(logger, kind) for logger, kind in zip(loggers, kinds, strict=True))
    fit(loggers, epochs=2)
    for logger in loggers:
        logger.log_outcome(outcome)
        logger.finish("completed")
    assert (folder / "metrics.csv").exists()
    assert list(folder.glob("events.out.tfevents.*"))
    (file,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    (run,) = [record.run for record in read_wandb(file) if record.WhichOneof("record_type") == "run"][:1]
    assert (run.project, run.run_group, run.display_name, list(run.tags)) == ("avisos", "grid", "tiny-lr1e-3", ["demo"])
    kept = {item.key: json.loads(item.value_json) for item in run.config.update if item.key != "_wandb"}
    assert kept == OmegaConf.to_container(OmegaConf.load(folder / "config.yaml"))


def test_the_configs_group_comes_before_the_study(tmp_path: Path, read_wandb: Any) -> None:
    chosen = config("logger=[wandb]", "logger.wandb.group=mine")
    (logger,) = build(chosen, written(tmp_path, chosen), study="grid")
    logger.finish("completed")
    (file,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    groups = [record.run.run_group for record in read_wandb(file) if record.WhichOneof("record_type") == "run"]
    assert set(groups) == {"mine"}


def test_a_missing_package_is_a_wrong_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = config("logger=[csv,mlflow,tensorboard]")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(RequestError) as caught:
        build(chosen, RunFolder(tmp_path))
    assert [mistake.value for mistake in caught.value.mistakes] == ["tensorboard", "mlflow"]


def test_a_logger_that_cannot_start_is_off_and_the_others_log(
    tmp_path: Path, fit: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    chosen = config("logger=[csv,mlflow]", f"logger.mlflow.tracking_uri=sqlite:///{tmp_path}/none/there/mlflow.db")
    (tmp_path / "none").write_text("a file where a folder should be")
    loggers = build(chosen, written(tmp_path, chosen))
    fit(loggers, epochs=1)
    for logger in loggers:
        logger.finish("completed")
    assert (tmp_path / "metrics.csv").exists()
    assert "logger mlflow could not start" in caplog.text
