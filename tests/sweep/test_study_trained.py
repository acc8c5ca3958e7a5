"""Studies that really train.

A killed and resumed study reports exactly the values of an uninterrupted one. At its time limit a study ends in an
orderly way. In W&B its runs are one group, and all of them are closed.
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
    "baselines.enabled=false",
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


def begin(folder: str, *overrides: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(TRAIN), "--config-dir", "conf", "-m", "sweep=toy", f"hydra.sweep.dir={folder}"]
    return subprocess.Popen(
        [*command, *SMALL, *overrides], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ}
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
    """Return group, job type, exit code and number of rows of the last W&B run in a folder."""
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
def test_a_killed_study_reports_the_same_as_an_uninterrupted_study(read_wandb: Callable[[Path], list[Any]]) -> None:
    finished(begin("uninterrupted", "logger=[wandb,csv]"))
    runs = [wandb_run(Path("uninterrupted") / str(number), read_wandb) for number in range(2)]
    assert [(run["group"], run["exit"], run["rows"]) for run in runs] == [("uninterrupted", 0, 4)] * 2, (
        "3 validations and the test"
    )
    assert runs[0]["id"] != runs[1]["id"]
    study = wandb_run(Path("uninterrupted"), read_wandb)
    assert (study["group"], study["job"], study["exit"]) == ("uninterrupted", "study", 0)

    killed = begin("killed", "logger=csv")
    wait_for_a_checkpoint(Path("killed/0"))
    ((trial,),) = [server.children() for server in psutil.Process(killed.pid).children()]
    trial.send_signal(signal.SIGKILL)
    wait_for_a_checkpoint(Path("killed/1"))
    killed.kill()
    killed.communicate(timeout=60)
    assert [trial.state.name for trial in trials_of("killed")] == ["COMPLETE", "RUNNING"]
    finished(begin("killed", "logger=csv"))

    for expected, actual in zip(trials_of("uninterrupted"), trials_of("killed"), strict=True):
        assert expected.state is actual.state is optuna.trial.TrialState.COMPLETE
        assert expected.params == actual.params
        assert expected.intermediate_values == actual.intermediate_values
    for number in range(2):
        record = json.loads(Path(f"killed/{number}/run.json").read_text())
        assert record["status"] == "completed"
        assert record["sweep"] == {"study": "killed", "trial": number}
        assert len(record["resumed"]) == 1

    best = [sys.executable, str(TRAIN), "--config-dir", "uninterrupted", "experiment=best", "--cfg", "job"]
    shown = subprocess.run(best, capture_output=True, text=True, check=True).stdout
    winner = json.loads(Path("uninterrupted/summary.json").read_text())["winner"]
    assert f"lr: {winner['values']['optimizer.lr']}" in shown


@pytest.mark.slow
@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("limit", "state", "status", "failure", "exits"),
    [("trial_timeout", "FAIL", "failed", "timeout", (1, 1)), ("timeout", "WAITING", "interrupted", None, (130, 130))],
)
def test_out_of_time_a_trial_ends_in_order(
    read_wandb: Callable[[Path], list[Any]],
    limit: str,
    state: str,
    status: str,
    failure: str | None,
    exits: tuple[int, int],
) -> None:
    """The signal of a time limit is sent after the first checkpoint; test_faults.py tests the limits themselves.

    exits: exit code of the study (1: a trial failed and none has a value) and of its run in W&B.
    """
    overrides = ("sweep.limits.max_total_trials=1", "trainer.max_epochs=100000", "logger=[wandb,csv]")
    process = begin("late", *overrides)
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
