"""The benchmarks of series run in their quick form, and the table of the rainfall sweep tells networks apart."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_windows_of_a_long_table_are_views() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.series.windows_memory", "--quick"], cwd=ROOT, capture_output=True, text=True,
        check=False, env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "200,000" in done.stdout


def test_networks_of_the_rainfall_sweep_are_rows_and_unfinished_runs_are_counted() -> None:
    from benchmarks.series import rainfall_table

    def run(name: str, status: str, score: float) -> tuple[dict[str, Any], dict[str, Any]]:
        config = {"model": {"name": name, "num_layers": 4, "width": 512, "checkpoint": None},
                  "data": {"batch_size": 32, "window": 720}}  # fmt: skip
        metrics = {"test": dict.fromkeys(rainfall_table.SCORES, score)}
        record = {"status": status, "metrics": metrics, "parameters": {"total": 7}, "memory": {"peak_rss_gib": 1.0},
                  "timing_s": {"per_epoch": [1.0, 3.0]}}  # fmt: skip
        return config, record

    rows = rainfall_table.rows_of([run("small", "completed", 0.5), run("small", "early_stopped", 0.7),
                                   run("small", "failed", 0.0), run("full", "interrupted", 0.0)])  # fmt: skip
    assert [(row["network"][0], row["done"], row["runs"]) for row in rows] == [("small", 2, 3), ("full", 0, 1)]
    shown = rainfall_table.cells(rows[0])
    assert shown[5:8] == ["7", "1.00", "2.0"]
    assert shown[8] == "0.600 (0.500-0.700)"
    assert rainfall_table.cells(rows[1])[-1] == "0 of 1"
    assert len(rainfall_table.cells(rows[1])) == len(shown) == len(rainfall_table.HEAD)
