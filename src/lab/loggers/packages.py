"""Checks that the packages of the chosen loggers are installed, without importing any of them.

This module imports neither lightning nor a logger, so that a command can check a request before its slow imports.
"""

from lab.cli.optional_packages import missing_packages, not_installed
from lab.config.schema import Config, Loggers
from lab.core.errors import Mistake


def missing(config: Config) -> list[Mistake]:
    """Return a mistake for every chosen logger whose package is not installed."""
    chosen = [name for name in Loggers.model_fields if getattr(config.logger, name) is not None]
    return [
        not_installed("logger", package, f"leave {name} out", name)
        for name in chosen
        for package in missing_packages(f"logger={name}")
    ]
