"""The chosen loggers that lack their package. The check of a request calls it before torch is imported.

The module imports neither lightning nor a logger.
"""

from lab.cli.optional_packages import missing_packages, not_installed
from lab.config.schema import Config, Loggers
from lab.core.errors import Mistake


def missing(config: Config) -> list[Mistake]:
    """A mistake for every chosen logger whose package is not installed."""
    chosen = [name for name in Loggers.model_fields if getattr(config.logger, name) is not None]
    return [
        not_installed("logger", package, f"leave {name} out", name)
        for name in chosen
        for package in missing_packages(f"logger={name}")
    ]
