"""Studies in real processes: results, interrupts, limits, refusals. No model is trained."""

import csv
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import yaml


def test_a_study_leaves_its_trials_its_winner_and_the_lines_to_type(toy: Any) -> None:
    code, out = toy.run()
    assert code == 0, out
    stored = toy.trials()
    assert [trial.number for trial in stored] == [0, 1, 2, 3, 4]
    assert all(trial.state.name == "COMPLETE" for trial in stored)
    winner = max(stored, key=lambda trial: trial.params["optimizer.lr"])
    assert winner.user_attrs["best_epoch"] == 2
    assert winner.user_attrs["checkpoint"] == f"multirun/toy/{winner.number}/checkpoints/best.ckpt"
    assert winner.value == winner.user_attrs["best_value"] > winner.intermediate_values[4]
    summary = toy.summary()
    assert summary["winner"]["trial"] == winner.number
    assert summary["winner"]["command"] == toy.record(winner.number)["command"]
    assert f"optimizer.lr={winner.params['optimizer.lr']}" in summary["winner"]["command"]
    assert "sweep=" not in summary["winner"]["command"]
    assert summary["trials"] == {"total": 5, "completed": 5}
    assert f"winner: trial {winner.number}" in out
    rows = list(csv.DictReader(Path("multirun/toy/trials.csv").read_text().splitlines()))
    assert float(rows[winner.number]["optimizer.lr"]) == winner.params["optimizer.lr"]
    assert "toy, trial" in Path("multirun/toy/experiment/best.yaml").read_text()

    before = Path("multirun/toy/journal.log").read_bytes()
    assert toy.run()[0] == 0
    assert len(toy.trials()) == 5
    assert Path("multirun/toy/journal.log").read_bytes().startswith(before)


def test_an_interrupted_trial_resumes_from_its_checkpoint_in_its_folder(toy: Any) -> None:
    process = toy.begin(epoch_s=0.3)
    done = Path("multirun/toy/0/done.txt")
    toy.until(lambda: done.exists() and len(done.read_text().splitlines()) == 2)
    process.kill()
    process.communicate(timeout=60)
    assert toy.run(epoch_s=0)[0] == 0
    assert [line.split()[0] for line in done.read_text().splitlines()] == ["0", "1", "2", "3"]
    assert toy.record(0)["status"] == "completed"
    assert "resume" not in toy.record(0)["command"]


def test_too_many_failures_end_the_sweep(toy: Any) -> None:
    code, out = toy.run("sweep.limits.max_failed_trials=1", faults={str(number): "nan" for number in range(5)})
    assert code == 1, out
    assert len(toy.trials()) == 2
    assert "more than max_failed_trials=1" in out


@pytest.mark.slow
def test_ctrl_c_once_lets_the_running_trial_end(toy: Any) -> None:
    process = toy.begin(epoch_s=0.2)
    toy.until(lambda: Path("multirun/toy/0/done.txt").exists())
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130, out
    assert [trial.state.name for trial in toy.trials()] == ["COMPLETE"]
    assert toy.run(epoch_s=0)[0] == 0
    assert len(toy.trials()) == 5


def test_ctrl_c_twice_stops_now_and_the_trial_resumes_later(toy: Any) -> None:
    process = toy.begin(epoch_s=1)
    toy.until(lambda: Path("multirun/toy/0/done.txt").exists())
    process.send_signal(signal.SIGINT)
    time.sleep(0.7)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130, out
    assert [trial.state.name for trial in toy.trials()] == ["WAITING"]
    assert toy.record(0)["status"] == "interrupted"
    assert toy.run(epoch_s=0)[0] == 0
    assert [trial.state.name for trial in toy.trials()] == ["COMPLETE"] * 5


@pytest.mark.slow
def test_a_stopped_confirmation_resumes_with_the_same_command(toy: Any) -> None:
    overrides = ["sweep.confirm={top_k: 1, seeds: 3}", "sweep.limits.max_total_trials=2"]
    process = toy.begin(*overrides, epoch_s=0.3)
    toy.until(lambda: any(Path("multirun/toy/confirm").glob("*/done.txt")))
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130, out
    assert toy.summary()["ended"] == "stopped by a second Ctrl-C or SIGTERM before all was confirmed"
    before = {path: path.read_text() for path in Path("multirun/toy/confirm").glob("*/done.txt")}
    code, out = toy.run(*overrides, epoch_s=0)
    assert code == 0, out
    (best,) = toy.summary()["confirmed"]
    assert len(best["values"]) == 3
    assert all(path.read_text().startswith(text) for path, text in before.items())


def test_the_sweeps_time_ends_it_and_its_trials(toy: Any) -> None:
    code, out = toy.run("sweep.limits.timeout=3", epoch_s=600)
    assert code == 0, out
    assert "its time limit of 3 s is over" in out
    assert [trial.state.name for trial in toy.trials()] == ["WAITING"]
    assert toy.record(0)["status"] == "interrupted"


@pytest.mark.slow
def test_a_second_controller_is_refused_and_changes_nothing(toy: Any) -> None:
    process = toy.begin(epoch_s=600)
    toy.until(lambda: Path("multirun/toy/0/run.json").exists())
    journal = Path("multirun/toy/journal.log").read_bytes()
    code, out = toy.run()
    assert code == 2, out
    assert f"already running, by process {process.pid}" in out
    assert Path("multirun/toy/journal.log").read_bytes() == journal
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 130


def test_a_policy_ends_trials_and_confirmation_runs_the_best_again(toy: Any) -> None:
    policy = "sweep.early_termination={type: bandit, slack_amount: 0.02}"
    code, out = toy.run(policy, "sweep.confirm={top_k: 2, seeds: 2}", "sweep.limits.max_total_trials=8")
    assert code == 0, out
    pruned = [trial for trial in toy.trials() if trial.state.name == "PRUNED"]
    assert pruned
    for trial in pruned:
        assert trial.user_attrs["reason"].startswith("bandit at interval")
        assert toy.record(trial.number)["status"] == "terminated"
    summary = toy.summary()
    assert [len(one["values"]) for one in summary["confirmed"]] == [2, 2]
    assert len(list(Path("multirun/toy/confirm").iterdir())) == 4


@pytest.mark.parametrize(
    "policy",
    [
        "{type: asha, reduction_factor: 2}",
        pytest.param("{type: hyperband, max_resource: 4, reduction_factor: 2}", marks=pytest.mark.slow),
        pytest.param("median_stopping", marks=pytest.mark.slow),
        pytest.param("{type: truncation_selection, truncation_percentage: 40}", marks=pytest.mark.slow),
    ],
)
def test_every_other_policy_ends_trials_too_and_never_the_best(toy: Any, policy: str) -> None:
    code, out = toy.run(f"sweep.early_termination={policy}", "sweep.limits.max_total_trials=9", epoch_s=0)
    assert code == 0, out
    trials = toy.trials()
    pruned = [trial for trial in trials if trial.state.name == "PRUNED"]
    assert 0 < len(pruned) < 9
    assert all(" at interval " in trial.user_attrs["reason"] for trial in pruned)
    assert min(len(trial.intermediate_values) for trial in pruned) < 4
    top = max(trials, key=lambda trial: trial.params["optimizer.lr"])
    assert top.state.name == "COMPLETE"


def test_a_conditional_space_sets_the_keys_of_the_chosen_branch_alone(toy: Any) -> None:
    toy.write("""# @package _global_
defaults: [{override /hydra/sweeper: lab}]
sweep:
  sampling_algorithm: {type: random, rule: sobol, seed: 1}
  search_space:
    optimizer.lr: {type: uniform, min_value: 1e-4, max_value: 1e-3}
    recipe:
      type: choice
      values:
        - {scheduler.kind: linear, scheduler.warmup_ratio: {type: uniform, min_value: 0.1, max_value: 0.2}}
        - {scheduler.kind: constant, data.batch_size: {type: choice, values: [8, 16]}}
  limits: {max_total_trials: 6, max_concurrent_trials: 1}
""")
    code, out = toy.run(epoch_s=0)
    assert code == 0, out
    kinds = set()
    for trial in toy.trials():
        values, command = trial.user_attrs["values"], toy.record(trial.number)["command"].split()
        kinds.add(values["scheduler.kind"])
        other = {"linear": "scheduler.warmup_ratio", "constant": "data.batch_size"}[values["scheduler.kind"]]
        assert set(values) == {"optimizer.lr", "scheduler.kind", other}
        assert {f"{key}={value}" for key, value in values.items()} <= set(command)
    assert kinds == {"linear", "constant"}


def test_an_objective_that_is_not_logged_ends_the_sweep(toy: Any) -> None:
    code, out = toy.run(faults={"0": "unlogged"})
    assert code == 2, out
    assert "logged are val/f1_macro, val/loss" in out
    assert len(toy.trials()) == 1


@pytest.mark.slow
def test_another_space_goal_or_setting_is_refused(toy: Any) -> None:
    assert toy.run("sweep.limits.max_total_trials=1", epoch_s=0)[0] == 0
    saved = yaml.safe_load(Path("multirun/toy/study.yaml").read_text())
    assert saved["objective"] == {"primary_metric": "val/f1_macro", "goal": "maximize"}
    other = ["optimizer.weight_decay=choice(0.1,0.2)", "sweep.objective={primary_metric: val/loss, goal: minimize}"]
    where = ["sweep.storage=sqlite:///other.db", "sweep.sampling_algorithm.seed=2"]
    code, out = toy.run(*other, *where, "data.batch_size=8", "cache.dtype=fp32")
    assert code == 2, out
    for line in (
        "sweep.search_space: differs",
        "sweep.objective: differs",
        "sweep.storage: differs from the study's, where its trials are stored: the journal in its folder",
        "sweep.sampling_algorithm: differs from the study's: {'type': 'random', 'seed': 1, 'rule': 'random'}",
        "data.batch_size=8 (was 64)",
    ):
        assert line in out, out
    assert "cache.dtype=fp32 (was auto)" in out
    assert len(toy.trials()) == 1
    code, out = toy.run("cache.max_gib=1", "callbacks.progress.refresh=5", "sweep.limits.max_total_trials=2", epoch_s=0)
    assert code == 0, out
    assert len(toy.trials()) == 2


@pytest.mark.slow
def test_files_of_a_command_killed_before_its_study_are_allowed(toy: Any) -> None:
    toy.folder.mkdir(parents=True)
    for name in (".lock", "multirun.yaml", ".study.yaml.17.part"):
        (toy.folder / name).touch()
    code, out = toy.run("sweep.limits.max_total_trials=1", epoch_s=0)
    assert code == 0, out
    Path("multirun/own").mkdir()
    Path("multirun/own/notes.txt").touch()
    code, out = toy.run("sweep.study=own")
    assert code == 2
    assert "exists already and contains no study" in out
    assert [path.name for path in Path("multirun/own").iterdir()] == ["notes.txt"]


@pytest.mark.slow
def test_a_mistyped_storage_can_be_corrected(toy: Any) -> None:
    code, _ = toy.run("sweep.storage=sqlite:////no/such/folder/study.db", "sweep.limits.max_total_trials=1")
    assert code != 0
    code, out = toy.run("sweep.storage=sqlite:///study.db", "sweep.limits.max_total_trials=1", epoch_s=0)
    assert code == 0, out
    code, out = toy.run("sweep.storage=sqlite:///./study.db", "sweep.limits.max_total_trials=2", epoch_s=0)
    assert code == 0, out
    assert toy.summary()["trials"] == {"total": 2, "completed": 2}


@pytest.mark.slow
def test_runs_without_their_journal_are_refused(toy: Any) -> None:
    assert toy.run("sweep.limits.max_total_trials=2", epoch_s=0)[0] == 0
    (toy.folder / "journal.log").unlink()
    code, out = toy.run(epoch_s=0)
    assert code == 2, out
    assert "its storage does not contain trial 0, trial 1, which have finished" in out
    assert toy.record(0)["status"] == toy.record(1)["status"] == "completed"


@pytest.mark.parametrize("by", ["typed", pytest.param("file", marks=pytest.mark.slow)])
def test_two_different_objectives_are_refused_from_any_source(toy: Any, by: str) -> None:
    Path("conf/experiment").mkdir()
    Path("conf/experiment/own.yaml").write_text("# @package _global_\nobjective: {metric: val/loss, mode: min}\n")
    overrides = ["experiment=own"] if by == "file" else ["objective={metric: val/loss, mode: min}"]
    code, out = toy.run(*overrides, "sweep.objective={primary_metric: val/accuracy, goal: maximize}")
    assert code == 2, out
    assert "differs from objective={metric: val/loss, mode: min}" in out
    assert ("experiment/own" if by == "file" else "objective={metric: val/loss") in out
    same = "sweep.objective={primary_metric: val/loss, goal: minimize}"
    code, out = toy.run(*overrides, same, "sweep.limits.max_total_trials=1", epoch_s=0)
    assert code == 0, out
    assert toy.summary()["objective"] == {"metric": "val/loss", "goal": "minimize"}


def test_the_objective_is_not_searched(toy: Any) -> None:
    code, out = toy.run("objective.metric=choice(val/f1_macro,val/accuracy)")
    assert code == 2
    assert "sweep.search_space.objective.metric: must be the same for all trials" in out


def test_a_mistake_in_a_typed_distribution_is_shown_once(toy: Any) -> None:
    code, out = toy.run("model.dropout=interval(0,1.5)")
    assert code == 2
    assert "1 mistake" in out
    assert "model.dropout=1.5: must be less than 1" in out


def test_every_mistake_is_shown_before_the_first_trial(toy: Any) -> None:
    wrong = """# @package _global_
defaults: [{override /hydra/sweeper: lab}]
sweep:
  search_space:
    optimizr.lr: {type: uniform, min_value: 0, max_value: 1}
    model.dropout: {type: uniform, min_value: 0, max_value: 1.5}
    data.batch_size: {type: chioce, values: [8, 16]}
  sampling_algorithm: {type: randm}
  objective: {primary_metric: test/accuracy, goal: maximize}
  early_termination: {type: bandit, slack_factor: 0.1, slack_amount: 0.1}
"""
    toy.write(wrong)
    code, out = toy.run("sweep.study=../toy", "sweep.limits.max_total_trials=0", "trainer.max_epochs=-2", "modl=tiny")
    assert code == 2
    for line in (
        "10 mistakes",
        "modl",
        "sweep.search_space.model.dropout: reaches 1.5: must be less than 1",
        "sweep.search_space.data.batch_size.type",
        "randm",
        "trainer.max_epochs=-2: must be greater than 0",
        "sweep.study=../toy",
        "try: sweep.study=toy",
        "optimizer.lr",
        "test/accuracy",
        "slack",
        "sweep.limits.max_total_trials=0: must be greater than 0",
    ):
        assert line in out, out
    assert not Path("multirun").exists()
    assert "Traceback" not in out
