"""The benchmark of exports runs in a small form and writes the rates of every contestant."""

import json
import sys
from pathlib import Path

import pytest

from benchmarks.text import export_throughput


@pytest.mark.slow
def test_it_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(export_throughput, "MEASURED_S", 0.01)
    words = ["--models", "tiny", "--batches", "2", "--length", "8", "--repeats", "1", "--out", str(tmp_path / "x.json")]
    monkeypatch.setattr(sys, "argv", ["x", *words])
    export_throughput.main()
    values = json.loads((tmp_path / "x.json").read_text())["models"]["tiny"]
    assert set(values) == {"2 torch", "2 onnx", "2 int8"}
    assert values["2 int8"]["mib"] < values["2 onnx"]["mib"]
