"""A missing package is reported before anything is imported."""

import importlib.util
import subprocess
import sys
from typing import Any

import pytest

from lab.config.schema import Config, Empty, Loggers
from lab.loggers.packages import missing


def config(**chosen: Any) -> Config:
    return Config.model_construct(logger=Loggers.model_construct(**chosen))


def test_what_is_installed_or_not_chosen_is_no_mistake() -> None:
    assert missing(config()) == []
    assert missing(config(csv=Empty())) == []
    assert missing(config(wandb=Empty())) == []


def test_every_missing_package_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    mistakes = missing(config(csv=Empty(), tensorboard=Empty(), mlflow=Empty(), wandb=Empty()))
    assert [mistake.value for mistake in mistakes] == ["wandb", "mlflow", "tensorboard"]
    assert [mistake.remedy for mistake in mistakes] == [
        "pip install 'wandb>=0.31', or leave wandb out",
        "pip install 'mlflow>=3.17', or leave mlflow out",
        "pip install 'tensorboard>=2.20', or leave tensorboard out",
    ]


def test_asking_imports_nothing_heavy() -> None:
    code = (
        "import sys, lab.loggers.packages; sys.exit(bool({'torch', 'lightning', 'wandb', 'mlflow'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
