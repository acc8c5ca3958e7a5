"""Studies that really train: killed and resumed they report what an uninterrupted one reports, digit for digit; out of
time they end in order; in W&B they are one group of closed runs.
"""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import psutil
import pytest

from lab.sweep.execution.fork_server import TIMEOUT
from lab.sweep.storage.optuna_storage import open_storage

TRAIN = Path(__file__).parents[2] / "train.py"
SMALL = (
    "trainer.threads=1",
    "data.num_rows=300",
    "trainer.max_epochs=3",
    "model.architecture.hidden_size=32",
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


def trials_of(folder: str) -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name="toy", storage=open_storage(None, Path(folder) / "journal.log")).get_trials()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("conf/sweep").mkdir(parents=True)
    Path("conf/sweep/toy.yaml").write_text(SWEEP)
    return tmp_path


def finished(process: subprocess.Popen[str]) -> str:
    out, _ = process.communicate(timeout=180)
    assert process.returncode == 0, out
    return out


def wait_for_a_checkpoint(folder: Path) -> None:
    history = folder / "history.jsonl"
    for _ in range(6000):
        if history.exists() and history.read_text().count("\n") >= 1 and (folder / "checkpoints/last.ckpt").exists():
            return
        time.sleep(0.01)
    raise AssertionError(f"{folder} has no checkpoint after 60 s")


def wandb_run(folder: Path, read_wandb: Callable[[Path], list[Any]]) -> dict[str, Any]:
    """Return, of the last run of W&B in a folder: group, job type, exit code, number of rows."""
    *_, path = sorted(folder.glob("wandb/offline-run-*/run-*.wandb"), key=lambda path: path.stat().st_mtime_ns)
    records = read_wandb(path)
    kinds = [record.WhichOneof("record_type") for record in records]
    run, ended = records[kinds.index("run")].run, records[kinds.index("exit")].exit
    return {
        "id": run.run_id, "group": run.run_group, "job": run.job_type,
        "exit": ended.exit_code, "rows": kinds.count("history"),
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_a_killed_study_reports_what_an_uninterrupted_one_does(read_wandb: Callable[[Path], list[Any]]) -> None:
    finished(begin("whole", "logger=[wandb,csv]"))
    runs = [wandb_run(Path("whole") / str(number), read_wandb) for number in range(2)]
    assert [(run["group"], run["exit"], run["rows"]) for run in runs] == [("whole", 0, 3)] * 2
    assert runs[0]["id"] != runs[1]["id"]
    study = wandb_run(Path("whole"), read_wandb)
    assert (study["group"], study["job"], study["exit"]) == ("whole", "study", 0)

    cut = begin("cut", "logger=csv")
    wait_for_a_checkpoint(Path("cut/0"))
    ((trial,),) = [server.children() for server in psutil.Process(cut.pid).children()]
    trial.send_signal(signal.SIGKILL)
    wait_for_a_checkpoint(Path("cut/1"))
    cut.kill()
    cut.communicate(timeout=60)
    assert [trial.state.name for trial in trials_of("cut")] == ["COMPLETE", "RUNNING"]
    finished(begin("cut", "logger=csv"))

    for one, other in zip(trials_of("whole"), trials_of("cut"), strict=True):
        assert one.state is other.state is optuna.trial.TrialState.COMPLETE
        assert one.params == other.params
        assert one.intermediate_values == other.intermediate_values
    for number in range(2):
        record = json.loads(Path(f"cut/{number}/run.json").read_text())
        assert record["status"] == "completed"
        assert record["sweep"] == {"study": "cut", "trial": number}
        assert len(record["resumed"]) == 1

    best = [sys.executable, str(TRAIN), "--config-dir", "whole", "experiment=best", "--cfg", "job"]
    shown = subprocess.run(best, capture_output=True, text=True, check=True).stdout
    winner = json.loads(Path("whole/summary.json").read_text())["winner"]
    assert f"lr: {winner['values']['optimizer.lr']}" in shown


@pytest.mark.slow
@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("limit", "state", "status", "failure", "exits"),
    [("trial_timeout", "FAIL", "failed", "timeout", (0, 1)), ("timeout", "WAITING", "interrupted", None, (130, 130))],
)
def test_out_of_time_a_trial_ends_in_order(
    read_wandb: Callable[[Path], list[Any]],
    limit: str,
    state: str,
    status: str,
    failure: str | None,
    exits: tuple[int, int],
) -> None:
    """The signal of a time limit, sent once there is a checkpoint, on any machine; the limits: test_faults.py."""
    words = ("sweep.limits.max_total_trials=1", "trainer.max_epochs=100000", "logger=[wandb,csv]")
    process = begin("late", *words)
    wait_for_a_checkpoint(Path("late/0"))
    ((trial,),) = [server.children() for server in psutil.Process(process.pid).children()]
    if limit == "trial_timeout":
        trial.send_signal(TIMEOUT)
    else:
        process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == exits[0], out
    (trial,) = trials_of("late")
    assert (trial.state.name, trial.user_attrs.get("failure")) == (state, failure)
    assert len(trial.intermediate_values) >= 1
    record = json.loads(Path("late/0/run.json").read_text())
    assert (record["status"], record["failure"]) == (status, failure)
    assert Path("late/0/checkpoints/best.ckpt").stat().st_size > 0
    run = wandb_run(Path("late/0"), read_wandb)
    assert (run["exit"], run["group"]) == (exits[1], "late")
    with Path("late/0/metrics.csv").open() as file:
        assert len(list(csv.DictReader(file))) >= len(trial.intermediate_values)
