"""The table of optional packages: each extra exists, and a request names what it lacks."""

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

from lab.cli.optional_packages import PACKAGES, missing_packages, not_installed, packages_of

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def test_every_extra_is_one_of_the_project() -> None:
    extras = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert {package.extra for package in PACKAGES.values() if package.extra} <= set(extras)


def test_every_choice_names_its_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    assert packages_of("peft=qdora") == ["peft", "bitsandbytes"]
    assert packages_of("peft=none") == packages_of("source=lab") == []
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert missing_packages("logger=mlflow") == ["mlflow"]


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("mlflow", "pip install -e '.[mlflow]', or else"), ("wandb", "pip install wandb, or else"),
     ("psycopg2", "pip install psycopg2, or else")],
)  # fmt: skip
def test_the_mistake_says_what_installs_the_package(name: str, remedy: str) -> None:
    mistake = not_installed("key", name, "else", "value")
    assert mistake.remedy == remedy
    assert re.search(rf"'{name}', which is not installed", mistake.problem)
