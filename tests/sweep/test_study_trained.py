"""A study that really trains: killed and resumed, it reports what an uninterrupted one reports, digit for digit."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest

from lab.sweep.storage import open_storage

TRAIN = Path(__file__).parents[2] / "train.py"
SMALL = (
    "trainer.threads=1",
    "data.num_rows=300",
    "trainer.max_epochs=3",
    "model.architecture.hidden_size=32",
    "logger=csv",
)
SWEEP = """# @package _global_
defaults: [{override /hydra/sweeper: lab}]
sweep:
  study: toy
  sampling_algorithm: {type: random, seed: 1}
  search_space: {optimizer.lr: {type: loguniform, low: 1e-4, high: 1e-2}}
  limits: {max_total_trials: 2, max_concurrent_trials: 1}
"""


def begin(folder: str, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(TRAIN), "--config-dir", "conf", "-m", "sweep=toy", f"hydra.sweep.dir={folder}"]
    return subprocess.Popen(
        [*command, *SMALL, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ}
    )


def told(folder: str) -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name="toy", storage=open_storage(None, Path(folder) / "journal.log")).get_trials()


@pytest.mark.slow
def test_a_killed_study_reports_what_an_uninterrupted_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("conf/sweep").mkdir(parents=True)
    Path("conf/sweep/toy.yaml").write_text(SWEEP)
    whole = begin("whole")
    out, _ = whole.communicate(timeout=120)
    assert whole.returncode == 0, out

    cut = begin("cut")
    history = Path("cut/0/history.jsonl")
    for _ in range(3000):
        if history.exists() and history.read_text().count("\n") >= 1 and Path("cut/0/checkpoints/last.ckpt").exists():
            break
        time.sleep(0.01)
    cut.kill()
    cut.communicate(timeout=60)
    assert [trial.state.name for trial in told("cut")] == ["RUNNING"]
    again = begin("cut")
    out, _ = again.communicate(timeout=120)
    assert again.returncode == 0, out

    for one, other in zip(told("whole"), told("cut"), strict=True):
        assert one.state is other.state is optuna.trial.TrialState.COMPLETE
        assert one.params == other.params
        assert one.intermediate_values == other.intermediate_values
    record = json.loads(Path("cut/0/run.json").read_text())
    assert record["status"] == "completed"
    assert record["sweep"] == {"study": "cut", "trial": 0}

    best = [sys.executable, str(TRAIN), "--config-dir", "whole", "experiment=best", "--cfg", "job"]
    shown = subprocess.run(best, capture_output=True, text=True, check=True).stdout
    winner = json.loads(Path("whole/summary.json").read_text())["winner"]
    assert f"lr: {winner['values']['optimizer.lr']}" in shown
