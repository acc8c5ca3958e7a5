"""The command export: what is wrong with a request is said before torch is imported, and the exit code is 2."""

import subprocess
import sys
from pathlib import Path

import pytest

from lab.commands import export
from lab.core.errors import EXIT_REQUEST


def test_a_contradiction_is_said_before_torch_is_imported(tmp_path: Path) -> None:
    script = "import sys\nfrom lab.commands.export import main\ncode = main()\n"
    script += "sys.exit(3 if 'torch' in sys.modules else code)"
    words = [sys.executable, "-c", script, "run=x", "output=y", "int8=true", "adapters=peft"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert done.returncode == EXIT_REQUEST, done.stderr
    assert "int8=true: is only for ONNX" in done.stderr
    assert "adapters=peft: a folder for PEFT is only made with format=hf" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_every_mistake_is_said_at_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["export.py", "format=pickle"])
    assert export.main() == EXIT_REQUEST
    shown = capsys.readouterr().err
    assert all(words in shown for words in ("run: has no default", "output: has no default", "format=pickle"))
