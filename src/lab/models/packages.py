"""What a request lacks on this machine, asked without importing any of it: packages of a method of fine-tuning, the
compiler that `trainer.compile` needs. A request is checked before torch is imported.
"""

import os
import shutil

from lab.cli.optional_packages import missing_packages, not_installed
from lab.config.schema import Adapters, Config
from lab.core.errors import Mistake

COMPILERS = ("g++", "clang++", "c++", "cl")
"""What torch.compile builds its kernels with, unless CXX names another."""


def missing(config: Config) -> list[Mistake]:
    """A mistake for everything that `config` needs and that is not installed."""
    return [*_compiler(config), *_packages(config)]


def _compiler(config: Config) -> list[Mistake]:
    names = [os.environ["CXX"]] if os.environ.get("CXX") else COMPILERS
    if not config.trainer.compile or any(shutil.which(name) for name in names):
        return []
    problem = f"needs a C++ compiler, and there is none of {', '.join(names)}"
    return [Mistake("trainer.compile", problem, "trainer.compile=false, or install g++", True)]


def _packages(config: Config) -> list[Mistake]:
    if not isinstance(config.peft, Adapters):
        return []
    kind = config.peft.kind
    instead = {"peft": "none", "bitsandbytes": kind.removeprefix("q")}
    return [not_installed("peft", name, f"peft={instead[name]}", kind) for name in missing_packages(f"peft={kind}")]
