"""Studies in real processes: resumes after kills, faults in trials, interrupts, limits, refusals. Nothing trains."""

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
import pytest
import yaml

from lab.sweep.storage import open_storage

TOY = Path(__file__).with_name("toy_train.py")
TRAIN = Path(__file__).parents[2] / "train.py"
SWEEP = """# @package _global_
defaults: [{override /hydra/sweeper: lab}]
sweep:
  sampling_algorithm: {type: random, seed: 1}
  search_space:
    optimizer.lr: {type: uniform, min_value: 1e-4, max_value: 1e-3}
    loss.label_smoothing: {type: choice, values: [0.0, 0.1]}
  limits: {max_total_trials: 5, max_concurrent_trials: 1}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "conf" / "sweep").mkdir(parents=True)
    (tmp_path / "conf" / "sweep" / "toy.yaml").write_text(SWEEP)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def begin(*words: str, **toy: Any) -> subprocess.Popen[str]:
    command = [sys.executable, str(TOY), str(TRAIN), "--config-dir", "conf", "-m", "sweep=toy", "trainer.max_epochs=4"]
    environment = {**os.environ, "LAB_TOY": json.dumps(toy), "COLUMNS": "200"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen([*command, *words], env=environment, start_new_session=True, **pipes)  # type: ignore[call-overload,no-any-return]


def run(*words: str, **toy: Any) -> tuple[int, str]:
    """Exit code, and all that was printed."""
    process = begin(*words, **toy)
    out, _ = process.communicate(timeout=100)
    return process.returncode, out


def trials(folder: Path = Path("multirun/toy")) -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name="toy", storage=open_storage(None, folder / "journal.log")).get_trials()


def until(holds: Callable[[], bool]) -> None:
    for _ in range(1000):
        if holds():
            return
        time.sleep(0.02)
    raise AssertionError("it did not come to pass within 20 s")


def wait_for_another_trial(process: subprocess.Popen[str]) -> None:
    """Until one more trial has reported, or the study is over."""
    before = len(list(Path("multirun").glob("toy/*/done.txt")))
    until(lambda: process.poll() is not None or len(list(Path("multirun").glob("toy/*/done.txt"))) > before)


def record(number: int) -> dict[str, Any]:
    return json.loads(Path(f"multirun/toy/{number}/run.json").read_text())  # type: ignore[no-any-return]


@pytest.mark.usefixtures("here")
def test_a_study_leaves_its_trials_its_winner_and_the_lines_to_type() -> None:
    code, out = run()
    assert code == 0, out
    told = trials()
    assert [trial.number for trial in told] == [0, 1, 2, 3, 4]
    assert all(trial.state.name == "COMPLETE" for trial in told)
    winner = max(told, key=lambda trial: trial.params["optimizer.lr"])
    assert winner.user_attrs["best_epoch"] == 2
    assert winner.user_attrs["checkpoint"] == f"multirun/toy/{winner.number}/checkpoints/best.ckpt"
    assert winner.value == winner.user_attrs["best_value"] > winner.intermediate_values[4]
    summary = json.loads(Path("multirun/toy/summary.json").read_text())
    assert summary["winner"]["trial"] == winner.number
    assert summary["winner"]["command"] == record(winner.number)["command"]
    assert f"optimizer.lr={winner.params['optimizer.lr']}" in summary["winner"]["command"]
    assert summary["trials"] == {"total": 5, "completed": 5}
    assert f"winner: trial {winner.number}" in out
    rows = list(csv.DictReader(Path("multirun/toy/trials.csv").read_text().splitlines()))
    assert float(rows[winner.number]["optimizer.lr"]) == winner.params["optimizer.lr"]
    assert "toy, trial" in Path("multirun/toy/experiment/best.yaml").read_text()

    before = Path("multirun/toy/journal.log").read_bytes()
    assert run()[0] == 0
    assert len(trials()) == 5
    assert Path("multirun/toy/journal.log").read_bytes().startswith(before)


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["controller", "trial", "both"])
def test_kills_and_the_same_command_give_the_uninterrupted_study(here: Path, victim: str) -> None:
    assert run("sweep.study=toy", "hydra.sweep.dir=whole", epoch_s=0)[0] == 0
    expected = {trial.number: trial.params for trial in trials(Path("whole"))}
    for kill in range(6):
        process = begin(epoch_s=0.1)
        wait_for_another_trial(process)
        time.sleep(0.037 * kill)
        if victim != "controller":
            pids = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=False).stdout
            for server in pids.split():
                found = subprocess.run(["pgrep", "-P", server], capture_output=True, text=True, check=False).stdout
                for pid in found.split():
                    os.kill(int(pid), signal.SIGKILL)
        if victim != "trial":
            process.kill()
        process.communicate(timeout=60)
    reported = {trial.number: trial.intermediate_values for trial in trials()}
    code, out = run(epoch_s=0)
    assert code == 0, out
    told = trials()
    assert {trial.number: trial.params for trial in told} == expected
    assert all(trial.state.is_finished() for trial in told)
    for trial in told:
        assert reported.get(trial.number, {}).items() <= trial.intermediate_values.items()
        if victim == "controller":
            assert trial.state.name == "COMPLETE"
            assert sorted(trial.intermediate_values) == [1, 2, 3, 4]


@pytest.mark.usefixtures("here")
def test_a_cut_trial_goes_on_from_its_checkpoint_in_its_folder() -> None:
    process = begin(epoch_s=0.3)
    done = Path("multirun/toy/0/done.txt")
    until(lambda: done.exists() and len(done.read_text().splitlines()) == 2)
    process.kill()
    process.communicate(timeout=60)
    assert run(epoch_s=0)[0] == 0
    assert [line.split()[0] for line in done.read_text().splitlines()] == ["0", "1", "2", "3"]
    assert record(0)["status"] == "completed"
    assert "resume" not in record(0)["command"]


@pytest.mark.usefixtures("here")
def test_faults_are_recorded_and_the_sweep_goes_on() -> None:
    faults = {"0": "nan", "1": "memory", "2": "exit", "3": "kill", "4": "hang", "5": "disk"}
    limits = ["sweep.limits.max_total_trials=7", "sweep.limits.trial_timeout=1", "sweep.limits.max_concurrent_trials=2"]
    code, out = run(*limits, faults=faults)
    assert code == 0, out
    told = [(trial.state.name, trial.user_attrs.get("failure")) for trial in trials()]
    kinds = ["nan", "oom", "error", "error", "timeout", "error"]
    assert told == [*(("FAIL", kind) for kind in kinds), ("COMPLETE", None)]
    assert "killed by SIGKILL" in trials()[3].user_attrs["reason"]
    assert [record(number)["status"] for number in range(7)] == ["failed"] * 6 + ["completed"]
    assert all(0 in [step - 1 for step in trial.intermediate_values] for trial in trials())


@pytest.mark.usefixtures("here")
def test_too_many_failures_end_the_sweep() -> None:
    code, out = run("sweep.limits.max_failed_trials=1", faults={str(number): "nan" for number in range(5)})
    assert code == 0, out
    assert len(trials()) == 2
    assert "more than max_failed_trials=1" in out


@pytest.mark.usefixtures("here")
def test_ctrl_c_once_lets_the_running_trial_end() -> None:
    process = begin(epoch_s=0.2)
    until(lambda: Path("multirun/toy/0/done.txt").exists())
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130, out
    assert [trial.state.name for trial in trials()] == ["COMPLETE"]
    assert run(epoch_s=0)[0] == 0
    assert len(trials()) == 5


@pytest.mark.usefixtures("here")
def test_ctrl_c_twice_stops_now_and_the_trial_goes_on_later() -> None:
    process = begin(epoch_s=1)
    until(lambda: Path("multirun/toy/0/done.txt").exists())
    process.send_signal(signal.SIGINT)
    time.sleep(0.7)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130, out
    assert [trial.state.name for trial in trials()] == ["WAITING"]
    assert record(0)["status"] == "interrupted"
    assert run(epoch_s=0)[0] == 0
    assert [trial.state.name for trial in trials()] == ["COMPLETE"] * 5


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_the_sweeps_time_ends_it_and_a_second_controller_is_refused() -> None:
    process = begin("sweep.limits.timeout=20", epoch_s=30)
    until(lambda: Path("multirun/toy/0/run.json").exists())
    code, out = run()
    assert code == 2, out
    assert f"run already, by process {process.pid}" in out
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, out
    assert "its time of 20 s is over" in out
    assert [trial.state.name for trial in trials()] == ["WAITING"]


@pytest.mark.usefixtures("here")
def test_a_policy_ends_trials_and_confirmation_runs_the_best_again() -> None:
    policy = "sweep.early_termination={type: bandit, slack_amount: 0.02}"
    code, out = run(policy, "sweep.confirm={top_k: 2, seeds: 2}", "sweep.limits.max_total_trials=8")
    assert code == 0, out
    pruned = [trial for trial in trials() if trial.state.name == "PRUNED"]
    assert pruned
    for trial in pruned:
        assert trial.user_attrs["reason"].startswith("bandit at interval")
        assert record(trial.number)["status"] == "terminated"
    summary = json.loads(Path("multirun/toy/summary.json").read_text())
    assert [len(one["values"]) for one in summary["confirmed"]] == [2, 2]
    assert len(list(Path("multirun/toy/confirm").iterdir())) == 4


@pytest.mark.usefixtures("here")
def test_an_objective_that_nobody_logs_ends_the_sweep() -> None:
    code, out = run(faults={"0": "unlogged"})
    assert code == 2, out
    assert "logged are val/f1_macro, val/loss" in out
    assert len(trials()) == 1


@pytest.mark.usefixtures("here")
def test_another_space_goal_or_setting_is_refused() -> None:
    assert run("sweep.limits.max_total_trials=1", epoch_s=0)[0] == 0
    saved = yaml.safe_load(Path("multirun/toy/study.yaml").read_text())
    assert saved["objective"] == {"primary_metric": "val/f1_macro", "goal": "maximize"}
    for words, said in (
        (["optimizer.weight_decay=choice(0.1,0.2)"], "sweep.search_space: differs"),
        (["sweep.objective={primary_metric: val/loss, goal: minimize}"], "sweep.objective: differs"),
        (["data.batch_size=8"], "data.batch_size"),
    ):
        code, out = run(*words)
        assert (code, said in out) == (2, True), out
    assert len(trials()) == 1


def test_every_mistake_is_answered_before_the_first_trial(here: Path) -> None:
    wrong = """# @package _global_
defaults: [{override /hydra/sweeper: lab}]
sweep:
  search_space: {optimizr.lr: {type: uniform, min_value: 0, max_value: 1}}
  objective: {primary_metric: test/accuracy, goal: maximize}
  early_termination: {type: bandit, slack_factor: 0.1, slack_amount: 0.1}
"""
    (here / "conf" / "sweep" / "toy.yaml").write_text(wrong)
    code, out = run()
    assert code == 2
    for said in ("4 mistakes", "optimizer.lr", "test/accuracy", "slack", "sweep.limits.max_total_trials"):
        assert said in out, out
    assert not Path("multirun").exists()
    assert "Traceback" not in out
