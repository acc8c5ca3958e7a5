"""The loggers that a config asks for, each behind its fence. None chosen gives an empty list, which Lightning takes.

A fence turns whatever goes wrong with one into a warning; only a package that is not installed stops the run, at once.
"""

from collections.abc import Callable
from typing import Any

from omegaconf import OmegaConf

from lab.config.schema import Config
from lab.core.errors import RequestError
from lab.core.masking import masked
from lab.core.record.run_folder import RunFolder
from lab.loggers.base import RunLogger
from lab.loggers.csv import CsvLogger
from lab.loggers.failsafe import Guarded
from lab.loggers.mlflow import MlflowLogger
from lab.loggers.packages import missing
from lab.loggers.tensorboard import TensorboardLogger
from lab.loggers.wandb import WandbLogger


def build(config: Config, folder: RunFolder, study: str | None = None) -> list[RunLogger]:
    """Start the loggers of one run, whose folder holds its config.yaml by now.

    study: name of the sweep it belongs to, W&B's group unless the config names one.

    Raises RequestError when a chosen logger's package is not installed; whatever goes wrong later is a warning.
    """
    mistakes = missing(config)
    if mistakes:
        raise RequestError(mistakes)
    return [Guarded(title, folder.path, make) for title, make in _makers(config, folder, study).items()]


def _described(folder: RunFolder) -> dict[str, Any]:
    """config.yaml as a tree: what a tracking service shows is what the folder says, to the key."""
    tree: dict[str, Any] = OmegaConf.to_container(OmegaConf.load(folder.config))  # type: ignore[assignment]
    return tree


def _makers(config: Config, folder: RunFolder, study: str | None) -> dict[str, Callable[[], RunLogger]]:
    """How to make each chosen logger; its package is imported when it is made, behind the fence."""
    chosen, path = config.logger, folder.path
    name = config.run_name or path.name
    tree, tags = _described(folder), tuple(map(masked, config.tags))
    makers: dict[str, Callable[[], RunLogger]] = {}
    if chosen.csv is not None:
        makers["csv"] = lambda: CsvLogger(path)
    if chosen.tensorboard is not None:
        makers["tensorboard"] = lambda: TensorboardLogger(path)
    if (wandb := chosen.wandb) is not None:
        makers["wandb"] = lambda: WandbLogger(wandb, path, tree, name, wandb.group or study, tags)
    if (mlflow := chosen.mlflow) is not None:
        described = {"folder": str(path), "tags": ",".join(tags), "study": study or ""}
        written = {key: value for key, value in described.items() if value}
        makers["mlflow"] = lambda: MlflowLogger(mlflow, path, tree, name, written)
    return makers
