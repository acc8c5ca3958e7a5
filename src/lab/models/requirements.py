"""What a request needs on this machine: packages for fine-tuning, a C++ compiler and pretrained weights.

The check runs before data is read, which may take minutes, and imports no torch. Weights from the hub are downloaded
here; the code that loads them later reads them from the cache.
"""

import os
import shutil
from pathlib import Path

from lab.cli.optional_packages import missing_packages, not_installed
from lab.config.schema import Adapters, Config, Encoder, TimerXL
from lab.core.errors import Mistake, RequestError
from lab.models.text.weights import locate

COMPILERS = ("g++", "clang++", "c++", "cl")
"""Compilers that torch.compile looks for, unless the environment variable CXX names one."""


def missing_software(config: Config) -> list[Mistake]:
    """One mistake for each package or compiler that `config` needs and that is not installed."""
    return [*_missing_compiler(config), *_missing_adapter_packages(config)]


def missing_weights(config: Config) -> list[Mistake]:
    """One mistake for each part of the pretrained weights that is not there.

    A run that resumes or is tested again has its own weights, so nothing is checked for it.
    """
    model = config.model
    if config.resume is not None or config.test is not None:
        return []
    if isinstance(model, TimerXL) and model.checkpoint is not None and not Path(model.checkpoint).expanduser().exists():
        remedy = "model.checkpoint=null, or an existing file or run folder"
        return [Mistake("model.checkpoint", "there is no such file or folder", remedy, model.checkpoint)]
    if not isinstance(model, Encoder) or not model.pretrained:
        return []
    try:
        locate(model.model_copy(update={"sha256": None}))  # the hash is compared when the whole file is read anyway
    except RequestError as error:
        return list(error.mistakes)
    return []


def _missing_compiler(config: Config) -> list[Mistake]:
    names = [os.environ["CXX"]] if os.environ.get("CXX") else COMPILERS
    if not config.trainer.compile or any(shutil.which(name) for name in names):
        return []
    problem = f"needs a C++ compiler, and none of these is installed: {', '.join(names)}"
    return [Mistake("trainer.compile", problem, "trainer.compile=false, or install g++", True)]


def _missing_adapter_packages(config: Config) -> list[Mistake]:
    if not isinstance(config.peft, Adapters):
        return []
    kind = config.peft.kind
    instead = {"peft": "none", "bitsandbytes": kind.removeprefix("q")}
    return [not_installed("peft", name, f"peft={instead[name]}", kind) for name in missing_packages(f"peft={kind}")]
