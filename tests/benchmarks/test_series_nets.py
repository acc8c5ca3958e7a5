"""Benchmarks of nets: what they judge by, and that each runs in its quick form."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.series import ucr

ROOT = Path(__file__).parents[2]


def test_limits_are_those_of_the_published_tables() -> None:
    assert ucr.allowed("minirocket", "OSULeaf") == 0.01
    assert ucr.allowed("minirocket", "PickupGestureWiimoteZ") == 0.04
    assert ucr.allowed("minirocket", "JapaneseVowels") == 0.01
    assert ucr.allowed("inception_time", "OSULeaf") == 0.04
    assert set(ucr.PUBLISHED["minirocket"]) == set(ucr.TEST_ROWS)
    assert set(ucr.PUBLISHED["inception_time"]) == set(ucr.EPOCHS)


def test_a_cell_is_met_by_its_mean() -> None:
    assert ucr.Cell("OSULeaf", [0.95, 0.95, 0.95], 0.959, 0.01, 1.0).met
    assert not ucr.Cell("OSULeaf", [0.99, 0.94, 0.91], 0.959, 0.01, 1.0).met


def test_a_table_is_made_a_set_at_a_time(tmp_path: Path) -> None:
    file = tmp_path / "ucr_minirocket.json"
    cell = {"name": "GunPoint", "accuracies": [1.0], "published": 0.993, "allowed": 0.013, "seconds": 3.0, "met": True}
    file.write_text(json.dumps({"cells": [cell]}), encoding="utf-8")
    assert [result.name for result in ucr.earlier(file, quick=False)] == ["GunPoint"]
    assert ucr.earlier(file, quick=True) == ucr.earlier(tmp_path / "absent.json", quick=False) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ucr", ["--sets", "GunPoint", "--threads", "1"]),
        ("ucr", ["--model", "inception_time", "--sets", "ItalyPowerDemand", "--threads", "1"]),
        ("timer_attention", ["--repeats", "1"]),
        ("minirocket_speed", []),
    ],
)
def test_it_runs(name: str, options: list[str], tmp_path: Path) -> None:
    if name != "timer_attention" and find_spec("aeon") is None:
        pytest.skip("aeon, which ships the sets, is not installed")
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.series.{name}", "--quick", "--results", str(tmp_path), *options], cwd=ROOT,
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = tmp_path.glob("*.json")
    assert json.loads(file.read_text(encoding="utf-8"))["quick"]
