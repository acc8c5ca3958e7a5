"""Checks that the packages of the chosen loggers are installed, without importing any of them.

This module imports neither lightning nor a logger, so that a command can check a request before its slow imports.
"""

import importlib.util

from lab.config.schema import Config
from lab.core.errors import Mistake

EXTRAS = {"wandb": "", "mlflow": "mlflow", "tensorboard": "tensorboard"}
"""The package of each logger and the extra of lab that installs it; wandb is installed with lab."""


def missing(config: Config) -> list[Mistake]:
    """Return a mistake for every chosen logger whose package is not installed."""
    wanted = [name for name in EXTRAS if getattr(config.logger, name) is not None]
    return [_mistake(name) for name in wanted if importlib.util.find_spec(name) is None]


def _mistake(name: str) -> Mistake:
    extra = EXTRAS[name]
    install = f"pip install -e '.[{extra}]'" if extra else f"pip install {name}"
    return Mistake(
        "logger", f"needs the package {name!r}, which is not installed", f"{install}, or leave {name} out", name
    )
