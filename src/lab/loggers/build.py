"""Starts the loggers that a config chooses, each behind a fence that turns its errors into one warning.

Only a missing package stops the run, before it starts.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from lab.cli.optional_packages import missing_loggers
from lab.config.schema import Config
from lab.config.targets import make
from lab.core.errors import RequestError
from lab.core.masking import masked
from lab.core.record.run_folder import RunFolder
from lab.loggers.base import RunLogger
from lab.loggers.csv import CsvLogger
from lab.loggers.extra import ExtraLogger
from lab.loggers.failsafe import FailsafeLogger
from lab.loggers.mlflow import MlflowLogger
from lab.loggers.tensorboard import TensorboardLogger
from lab.loggers.wandb import WandbLogger


def build(config: Config, folder: RunFolder, study: str | None = None) -> list[RunLogger]:
    """Start the loggers of one run whose folder contains its config.yaml; an empty list if none is chosen.

    study: name of the run's sweep, which is W&B's group unless the config names one.

    Raises RequestError if the package of a chosen logger is not installed. Any later error is a warning.
    """
    mistakes = missing_loggers(config)
    if mistakes:
        raise RequestError(mistakes)
    return [FailsafeLogger(title, folder.path, make) for title, make in _makers(config, folder, study).items()]


def _config_tree(folder: RunFolder) -> dict[str, Any]:
    """Return config.yaml as a tree, so that a tracking service shows exactly what the folder says."""
    tree: dict[str, Any] = OmegaConf.to_container(OmegaConf.load(folder.config))  # type: ignore[assignment]
    return tree


def _makers(config: Config, folder: RunFolder, study: str | None) -> dict[str, Callable[[], RunLogger]]:
    """Return a function for each chosen logger that makes it; its package is imported then, behind the fence."""
    chosen, path = config.logger, folder.path
    name = config.run_name or path.name
    tree, tags = _config_tree(folder), tuple(map(masked, config.tags))
    makers: dict[str, Callable[[], RunLogger]] = {}
    if chosen.csv is not None:
        makers["csv"] = lambda: CsvLogger(path)
    if chosen.tensorboard is not None:
        makers["tensorboard"] = lambda: TensorboardLogger(path, tree)
    if (wandb := chosen.wandb) is not None:
        makers["wandb"] = lambda: WandbLogger(wandb, path, tree, name, wandb.group or study, tags)
    if (mlflow := chosen.mlflow) is not None:
        possible = {"folder": str(path), "tags": ",".join(tags), "study": study or ""}
        run_tags = {key: value for key, value in possible.items() if value}
        makers["mlflow"] = lambda: MlflowLogger(mlflow, path, tree, name, run_tags)
    for title, node in chosen.extra.items():
        makers[title] = partial(_extra, title, node.node, path, tree)
    return makers


def _extra(title: str, node: dict[str, Any], path: Path, tree: dict[str, Any]) -> RunLogger:
    logger = make(f"logger.extra.{title}", node, save_dir=str(path))
    return ExtraLogger(title, path, logger, tree)
