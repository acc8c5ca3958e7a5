"""The optional packages: the requests that need each of them, and the line that installs it.

There is one table for all rooms, so that every missing package gets the same kind of message. A package is searched for
and never imported, so a check takes no time and runs before torch is loaded.
"""

import importlib.util
from dataclasses import dataclass

from lab.config.schema import Config, Loggers
from lab.core.errors import Mistake


@dataclass(frozen=True)
class OptionalPackage:
    """The installation of a package and the requests that need it."""

    extra: str | None
    """The extra of pyproject.toml that installs it; None: pip installs it by its name."""
    needed_by: tuple[str, ...]
    """The requests, `group=choice` or in words, that need it."""


PACKAGES = {
    "wandb": OptionalPackage(None, ("logger=wandb", "source=wandb", "register=wandb")),
    "mlflow": OptionalPackage("mlflow", ("logger=mlflow", "source=mlflow", "register=mlflow")),
    "tensorboard": OptionalPackage("tensorboard", ("logger=tensorboard", "event files of source=hf")),
    "peft": OptionalPackage("peft", ("peft=lora", "peft=dora", "peft=qlora", "peft=qdora")),
    "bitsandbytes": OptionalPackage("peft", ("peft=qlora", "peft=qdora")),
    "cmaes": OptionalPackage(None, ("sweep.sampling_algorithm=cmaes",)),
    "aeon": OptionalPackage("series", ("data=ucr without data.path",)),
    "openpyxl": OptionalPackage("series", ("an XLSX file",)),
    "hydra_plugins.hydra_optuna_sweeper": OptionalPackage("optuna", ("hydra/sweeper=optuna",)),
    "hydra_plugins.hydra_ray_launcher": OptionalPackage("ray", ("hydra/launcher=ray",)),
    "hydra_plugins.hydra_submitit_launcher": OptionalPackage(
        "submitit", ("hydra/launcher=submitit_local", "hydra/launcher=submitit_slurm")
    ),
}
"""By import name. Database drivers are not listed: SQLAlchemy names the missing one."""


def packages_of(request: str) -> list[str]:
    """Return the packages that a request (`logger=mlflow`) needs.

    >>> packages_of("peft=qlora")
    ['peft', 'bitsandbytes']
    """
    return [name for name, package in PACKAGES.items() if request in package.needed_by]


def is_installed(name: str) -> bool:
    """Return whether a package can be imported, without importing it."""
    return importlib.util.find_spec(name) is not None


def missing_packages(request: str) -> list[str]:
    """Return the packages that a request needs and that are not installed."""
    return [name for name in packages_of(request) if not is_installed(name)]


def not_installed(
    key: str, name: str, otherwise: str = "", value: object = None, problem: str | None = None
) -> Mistake:
    """Return the mistake of a package that is not installed.

    key: the key that needs it; otherwise: another remedy, shown after the line that installs it; problem: replaces the
    usual text.
    """
    problem = problem or f"needs the package {name!r}, which is not installed"
    return Mistake(key, problem, f"{installation(name)}, or {otherwise}" if otherwise else installation(name), value)


def installation(name: str) -> str:
    """Return the line that installs a package; one that is not in the table is installed by its name."""
    extra = PACKAGES[name].extra if name in PACKAGES else None
    return f"pip install -e '.[{extra}]'" if extra else f"pip install {name}"


def missing_loggers(config: Config) -> list[Mistake]:
    """Return a mistake for every chosen logger whose package is not installed."""
    chosen = [name for name in Loggers.model_fields if getattr(config.logger, name) is not None]
    return [
        not_installed("logger", package, f"leave {name} out", name)
        for name in chosen
        for package in missing_packages(f"logger={name}")
    ]
