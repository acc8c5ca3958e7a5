"""Each benchmark of sweeps, at a size of seconds: it runs, prints its table and writes its numbers."""

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SMALL = {
    "overhead": "--trials 3 --repeats 2 --sleep 0.05 --trained 0 --launchers lab",
    "slots": "--trials 3 --repeats 1 --sleep 0.05 --launchers lab",
    "cost": "--trials 40 --early 20 --reports 3 --blocks 1",
    "bayesian": "--trials 12 --seeds 3",
    "policies": "--trials 2 --policies none bandit -- trainer.max_epochs=2 data.num_rows=200",
}


def numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from numbers(item)
    elif isinstance(value, int | float):
        yield value


QUICK = ("sweep_overhead", "sweep_bayesian")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in SMALL]
)
def test_a_benchmark_prints_its_table_and_writes_its_numbers(name: str, tmp_path: Path) -> None:
    file = tmp_path / "results" / f"{name}.json"
    command = [sys.executable, "-m", f"benchmarks.sweep.{name}", "--results", str(file), *SMALL[name].split()]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=280)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"sweep_{name}: ")
    reported = json.loads(file.read_text())
    assert reported.pop("machine")["cores"] >= 1
    assert len(list(numbers(reported))) > 5
    assert all(math.isfinite(number) for number in numbers(reported))
