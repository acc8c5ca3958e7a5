"""The table of optional packages: each extra exists, and a request names what it lacks."""

import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from lab.cli.optional_packages import PACKAGES, missing_loggers, missing_packages, not_installed, packages_of
from lab.config.schema import Config, Empty, Loggers

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


DECLARED = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
OTHERS = {
    "dev": "what the project is developed with",
    "dashboard": "a command of its own",
    "docs": "builds the site",
    "minilm": "lab.models.text.weights says how to install it",
}
"""Extras that no request names through the table."""


def test_the_table_and_the_extras_are_the_same_requirements() -> None:
    table = {package.requirement for package in PACKAGES.values()}
    extras = [words for name, words in DECLARED["optional-dependencies"].items() if name not in OTHERS]
    assert table - set(DECLARED["dependencies"]) == {requirement for words in extras for requirement in words}


def test_every_choice_names_its_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    assert packages_of("peft=qdora") == ["peft", "bitsandbytes"]
    assert packages_of("peft=none") == packages_of("source=lab") == []
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert missing_packages("logger=mlflow") == ["mlflow"]


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("mlflow", "pip install 'mlflow>=3.17', or else"),
     ("psycopg", "pip install 'psycopg[binary]>=3.2.1', or else"), ("psycopg2", "pip install psycopg2, or else")],
)  # fmt: skip
def test_the_mistake_says_what_installs_the_package(name: str, remedy: str) -> None:
    mistake = not_installed("key", name, "else", "value")
    assert mistake.remedy == remedy
    assert re.search(rf"'{name}', which is not installed", mistake.problem)


def chosen_loggers(**chosen: Any) -> Config:
    return Config.model_construct(logger=Loggers.model_construct(**chosen))


def test_what_is_installed_or_not_chosen_is_no_mistake() -> None:
    assert missing_loggers(chosen_loggers()) == []
    assert missing_loggers(chosen_loggers(csv=Empty())) == []
    assert missing_loggers(chosen_loggers(wandb=Empty())) == []


def test_every_missing_package_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    mistakes = missing_loggers(chosen_loggers(csv=Empty(), tensorboard=Empty(), mlflow=Empty(), wandb=Empty()))
    assert [mistake.value for mistake in mistakes] == ["tensorboard", "wandb", "mlflow"]
    assert [mistake.remedy for mistake in mistakes] == [
        "pip install 'tensorboard>=2.20', or leave tensorboard out",
        "pip install 'wandb>=0.31', or leave wandb out",
        "pip install 'mlflow>=3.17', or leave mlflow out",
    ]


def test_a_check_imports_nothing_heavy() -> None:
    heavy = {"torch", "lightning", "wandb", "mlflow"}
    code = f"import sys, lab.cli.optional_packages; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
