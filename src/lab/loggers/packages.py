"""Which chosen loggers lack their package, asked without importing any: the check of a request runs before torch.

The module imports neither lightning nor a logger, so that an entrance may call it first.
"""

import importlib.util

from lab.config.schema import Config
from lab.core.errors import Mistake

EXTRAS = {"wandb": "", "mlflow": "mlflow", "tensorboard": "tensorboard"}
"""Package of a logger, and the extra of lab that installs it; wandb comes with lab itself."""


def missing(config: Config) -> list[Mistake]:
    """A mistake for every chosen logger whose package is not installed."""
    wanted = [name for name in EXTRAS if getattr(config.logger, name) is not None]
    return [_mistake(name) for name in wanted if importlib.util.find_spec(name) is None]


def _mistake(name: str) -> Mistake:
    extra = EXTRAS[name]
    install = f"pip install -e '.[{extra}]'" if extra else f"pip install {name}"
    return Mistake(
        "logger", f"needs the package {name!r}, which is not installed", f"{install}, or leave {name} out", name
    )
