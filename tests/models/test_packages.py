"""What a request lacks on this machine is told before anything is imported."""

import importlib.util
import shutil
import subprocess
import sys
from typing import Any

import pytest

from lab.config.schema import Adapters, Config, TrainerConfig, Whole
from lab.models.packages import missing


def config(kind: str, compiled: bool = False) -> Config:
    method: Any = Whole.model_construct(kind="none") if kind == "none" else Adapters.model_construct(kind=kind)
    return Config.model_construct(peft=method, trainer=TrainerConfig.model_construct(compile=compiled))


@pytest.mark.parametrize(
    ("kind", "remedies"),
    [("none", []), ("lora", ["peft=none"]), ("dora", ["peft=none"]), ("qlora", ["peft=none", "peft=lora"]),
     ("qdora", ["peft=none", "peft=dora"])],
)  # fmt: skip
def test_what_a_method_lacks(kind: str, remedies: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    lines = ["pip install 'peft>=0.21'", "pip install 'bitsandbytes>=0.50'"]
    assert [mistake.remedy for mistake in missing(config(kind))] == [
        f"{line}, or {remedy}" for line, remedy in zip(lines, remedies, strict=False)
    ]


def test_compiling_needs_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"g++"}
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: name if name in there else None)
    assert missing(config("none", compiled=True)) == []
    monkeypatch.setenv("CXX", "icpx")
    (mistake,) = missing(config("none", compiled=True))
    assert "icpx" in mistake.problem
    monkeypatch.delenv("CXX")
    there.clear()
    assert [one.key for one in missing(config("none", compiled=True))] == ["trainer.compile"]
    assert missing(config("none")) == []


def test_asking_imports_nothing_heavy() -> None:
    code = "import sys, lab.models.packages; sys.exit(bool({'torch', 'peft', 'bitsandbytes'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
