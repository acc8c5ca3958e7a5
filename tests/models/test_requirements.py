"""Packages, compilers and weights that a request needs and this machine lacks are reported before data is read."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir

from lab.config.check import check
from lab.config.schema import Adapters, Config, TrainerConfig, Whole
from lab.models.requirements import missing_software, missing_weights

CONF = Path("conf").absolute()


def config(kind: str, compiled: bool = False) -> Config:
    method: Any = Whole.model_construct(kind="none") if kind == "none" else Adapters.model_construct(kind=kind)
    return Config.model_construct(peft=method, trainer=TrainerConfig.model_construct(compile=compiled))


@pytest.mark.parametrize(
    ("kind", "remedies"),
    [("none", []), ("lora", ["peft=none"]), ("dora", ["peft=none"]), ("qlora", ["peft=none", "peft=lora"]),
     ("qdora", ["peft=none", "peft=dora"])],
)  # fmt: skip
def test_missing_adapter_packages_are_reported(kind: str, remedies: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    lines = ["pip install 'peft>=0.21'", "pip install 'bitsandbytes>=0.50'"]
    assert [mistake.remedy for mistake in missing_software(config(kind))] == [
        f"{line}, or {remedy}" for line, remedy in zip(lines, remedies, strict=False)
    ]


def test_compiling_needs_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"g++"}
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: name if name in installed else None)
    assert missing_software(config("none", compiled=True)) == []
    monkeypatch.setenv("CXX", "icpx")
    (mistake,) = missing_software(config("none", compiled=True))
    assert "icpx" in mistake.problem
    monkeypatch.delenv("CXX")
    installed.clear()
    assert [mistake.key for mistake in missing_software(config("none", compiled=True))] == ["trainer.compile"]
    assert missing_software(config("none")) == []


@pytest.mark.parametrize(
    ("line", "key"),
    [
        (["model=beto"], "model.path"),
        (["model=encoder", "model.path=/no/such/model"], "model.path"),
        (["data=rainfall", "model=timer_xl", "model.checkpoint=/no/such/file"], "model.checkpoint"),
        (["model=beto", "model.pretrained=false"], None),
        (["model=tiny"], None),
        (["model=beto", "resume=RUN"], None),
    ],
)
def test_missing_weights_are_reported(line: list[str], key: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.models.text.weights._cached", lambda _: None)
    with initialize_config_dir(str(CONF)):
        request = check(compose("config", line))
    assert [mistake.key for mistake in missing_weights(request)] == ([] if key is None else [key])


def test_the_check_imports_nothing_heavy() -> None:
    code = "import sys, lab.models.requirements; sys.exit(bool({'torch', 'peft', 'bitsandbytes'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
