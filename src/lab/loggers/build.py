"""Starts the loggers that a config chooses, each behind a fence that turns its errors into one warning.

Only a missing package stops the run, before it starts.
"""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from lab.cli.optional_packages import missing_loggers
from lab.config.schema import Config
from lab.config.targets import make
from lab.core.errors import RequestError
from lab.core.masking import masked
from lab.core.record.run_folder import RunFolder
from lab.core.registry import LOGGERS
from lab.loggers.base import LoggedRun, RunLogger
from lab.loggers.extra import ExtraLogger
from lab.loggers.failsafe import FailsafeLogger


def build(config: Config, folder: RunFolder, study: str | None = None) -> list[RunLogger]:
    """Start the loggers of one run whose folder contains its config.yaml; an empty list if none is chosen.

    study: name of the run's sweep, which is W&B's group unless the config names one.

    Raises RequestError if the package of a chosen logger is not installed. Any later error is a warning.
    """
    mistakes = missing_loggers(config)
    if mistakes:
        raise RequestError(mistakes)
    return [FailsafeLogger(title, folder.path, make) for title, make in _makers(config, folder, study).items()]


def _makers(config: Config, folder: RunFolder, study: str | None) -> dict[str, Callable[[], RunLogger]]:
    """Return a function for each chosen logger that makes it; its package is imported then, behind the fence."""
    path = folder.path
    tree: dict[str, Any] = OmegaConf.to_container(OmegaConf.load(folder.config))  # type: ignore[assignment]
    run = LoggedRun(path, tree, config.run_name or path.name, tuple(map(masked, config.tags)), study)
    makers: dict[str, Callable[[], RunLogger]] = {}
    for kind, settings in config.logger:
        if kind != "extra" and settings is not None:
            import_module(f"lab.loggers.{kind}")  # registers it
            makers[kind] = partial(LOGGERS[kind], settings, run)
    for title, node in config.logger.extra.items():
        makers[title] = partial(_extra, title, node.node, path, tree)
    return makers


def _extra(title: str, node: dict[str, Any], path: Path, tree: dict[str, Any]) -> RunLogger:
    logger = make(f"logger.extra.{title}", node, save_dir=str(path))
    return ExtraLogger(title, path, logger, tree)
