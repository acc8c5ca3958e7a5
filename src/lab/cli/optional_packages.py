"""The optional packages: the requests that need each of them, and the line that installs it.

One table for every room, so that a request for something that is not installed has one kind of answer. The line names
the package itself and not an extra of this project, so it works beside a wheel as in the repository. A package is
looked for and never imported, so a check costs no time and runs before torch is loaded.
"""

import importlib.util
import shlex
from dataclasses import dataclass

from lab.config.schema import Config, Loggers
from lab.core.errors import Mistake


@dataclass(frozen=True)
class OptionalPackage:
    """The installation of a package and the requests that need it."""

    requirement: str
    """What pip installs, as an extra of pyproject.toml has it."""
    needed_by: tuple[str, ...]
    """The requests, `group=choice` or in words, that need it."""


PACKAGES = {
    "wandb": OptionalPackage("wandb>=0.31", ("logger=wandb", "source=wandb", "register=wandb", "run=wandb:...")),
    "mlflow": OptionalPackage("mlflow>=3.17", ("logger=mlflow", "source=mlflow", "register=mlflow", "run=models:/...")),
    "tensorboard": OptionalPackage("tensorboard>=2.20", ("logger=tensorboard", "event files of source=hf")),
    "peft": OptionalPackage("peft>=0.21", ("peft=lora", "peft=dora", "peft=qlora", "peft=qdora", "adapters=peft")),
    "bitsandbytes": OptionalPackage("bitsandbytes>=0.50", ("peft=qlora", "peft=qdora")),
    "cmaes": OptionalPackage("cmaes>=0.13", ("sweep.sampling_algorithm=cmaes",)),
    "aeon": OptionalPackage("aeon>=1.6", ("data=ucr without data.path",)),
    "openpyxl": OptionalPackage("openpyxl>=3.1.5", ("an XLSX file",)),
    "psycopg": OptionalPackage("psycopg[binary]>=3.2.1", ("sweep.storage=postgresql://...",)),
    "grpc": OptionalPackage("grpcio>=1.70", ("sweep.storage=grpc://...",)),
    "captum": OptionalPackage("captum>=0.9", ("explain=true",)),
    "onnx": OptionalPackage("onnx>=1.23", ("format=onnx",)),
    "onnxruntime": OptionalPackage("onnxruntime>=1.32", ("format=onnx", "run= of an ONNX export")),
    "onnxscript": OptionalPackage("onnxscript>=0.7", ("format=onnx",)),
    "fastapi": OptionalPackage("fastapi>=0.165", ("serve.py",)),
    "uvicorn": OptionalPackage("uvicorn>=0.54", ("serve.py",)),
    "prometheus_client": OptionalPackage("prometheus-client>=0.26", ("serve.py",)),
    "hydra_plugins.hydra_joblib_launcher": OptionalPackage(
        "hydra-joblib-launcher==1.4.0rc3", ("hydra/launcher=joblib",)
    ),
    "hydra_plugins.hydra_ray_launcher": OptionalPackage("hydra-ray-launcher==1.4.0rc3", ("hydra/launcher=ray",)),
    "hydra_plugins.hydra_submitit_launcher": OptionalPackage(
        "hydra-submitit-launcher==1.4.0rc3", ("hydra/launcher=submitit_local", "hydra/launcher=submitit_slurm")
    ),
}
"""Import name of each package. Of databases only PostgreSQL's driver is listed: SQLAlchemy names the others."""

LIGHTNING_LOGGERS = {
    "CometLogger": "comet_ml",
    "MLFlowLogger": "mlflow",
    "NeptuneLogger": "neptune",
    "TensorBoardLogger": "tensorboard",
    "WandbLogger": "wandb",
}
"""By class of Lightning, the package that a logger in `logger.extra` needs."""


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
    """The line that installs a package; one that is not in the table is installed by its own name."""
    return shlex.join(["pip", "install", PACKAGES[name].requirement if name in PACKAGES else name])


def missing_loggers(config: Config) -> list[Mistake]:
    """Return a mistake for every chosen logger whose package is not installed."""
    chosen = [name for name in Loggers.model_fields if getattr(config.logger, name) is not None]
    mistakes = [
        not_installed("logger", package, f"leave {name} out", name)
        for name in chosen
        for package in missing_packages(f"logger={name}")
    ]
    for name, extra in config.logger.extra.items():
        package = LIGHTNING_LOGGERS.get(extra.target.rpartition(".")[2])
        if package is not None and not is_installed(package):
            key = f"logger.extra.{name}"
            mistakes.append(not_installed(key, package, f"leave {key} out", extra.target))
    return mistakes
