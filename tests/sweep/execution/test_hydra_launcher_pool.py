"""Real studies through Hydra's other launchers: reports through storage, early termination, exact totals, resumes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import optuna
import pytest

from lab.sweep.storage.optuna_storage import open_storage
from tests.sweep import fake_slurm

TRIAL = Path(__file__).parents[1] / "storage" / "stored_trial.py"
SPACE = "{optimizer.lr: {type: uniform, min_value: 1e-4, max_value: 1e-3}}"
LAUNCHERS = {
    "joblib": ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"],
    "submitit_local": ["hydra/launcher=submitit_local", "hydra.launcher.timeout_min=5"],
    "submitit_slurm": ["hydra/launcher=submitit_slurm"],
    "ray": ["hydra/launcher=ray"],
    "basic": ["hydra/launcher=basic"],
}
PACKAGES = {"joblib": "hydra_plugins.hydra_joblib_launcher", "submitit_local": "hydra_plugins.hydra_submitit_launcher",
            "submitit_slurm": "hydra_plugins.hydra_submitit_launcher",
            "ray": "hydra_plugins.hydra_ray_launcher"}  # fmt: skip


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(
    launcher: str, *words: str, total: int = 4, batch: int | None = 2, space: str = SPACE, faults: str = "{}"
) -> tuple[int, str]:
    """Return the exit code and the output. faults: JSON, which fault happens to which trial."""
    if launcher in PACKAGES:
        pytest.importorskip(PACKAGES[launcher])
    limits = f"{{max_total_trials: {total}, max_concurrent_trials: {'null' if batch is None else batch}}}"
    command = [sys.executable, str(TRIAL), "-m", "hydra/sweeper=lab", "sweep.study=toy", "trainer.max_epochs=4"]
    command += [f"sweep.search_space={space}", f"sweep.limits={limits}", *LAUNCHERS[launcher], *words]
    environment = {**os.environ, "LAB_FAULTS": faults, "COLUMNS": "200"}
    if launcher == "submitit_slurm":
        environment |= fake_slurm.variables(Path("slurm").absolute())
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200, env=environment)
    return done.returncode, done.stdout + done.stderr


def trials(url: str | None = None) -> list[optuna.trial.FrozenTrial]:
    storage = open_storage(url, Path("multirun/toy/journal.log"))
    return optuna.load_study(study_name="toy", storage=storage).get_trials()


def record(number: int) -> dict[str, Any]:
    return json.loads(Path(f"multirun/toy/{number}/run.json").read_text())  # type: ignore[no-any-return]


def starts(number: int) -> int:
    return len(Path(f"multirun/toy/{number}/starts.txt").read_text().splitlines())


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["joblib", "submitit_local", "submitit_slurm", "ray"])
def test_trials_report_through_the_storage_and_the_same_command_resumes(launcher: str) -> None:
    policy = "sweep.early_termination={type: bandit, slack_amount: 0.02}"
    code, out = run(launcher, policy, total=4)
    assert code == 0, out
    code, out = run(launcher, policy, total=5)
    assert code == 0, out
    stored = trials()
    assert [trial.number for trial in stored] == [0, 1, 2, 3, 4]
    assert [starts(trial.number) for trial in stored] == [1] * 5
    assert [record(trial.number)["sweep"]["trial"] for trial in stored] == [0, 1, 2, 3, 4]
    best = max(stored, key=lambda trial: trial.params["optimizer.lr"])
    assert best.state.name == "COMPLETE"
    assert best.intermediate_values == pytest.approx(
        {n: 100 * best.params["optimizer.lr"] + n / 100 for n in (1, 2, 3, 4)}
    )
    assert best.user_attrs["best_epoch"] == 3
    ended = [trial for trial in stored if trial.state.name == "PRUNED"]
    assert {trial.user_attrs["reason"] for trial in ended} == {record(trial.number)["reason"] for trial in ended}
    assert all("slack_amount" in trial.user_attrs["reason"] for trial in ended)
    assert json.loads(Path("multirun/toy/summary.json").read_text())["winner"]["trial"] == best.number


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "minutes", "calls"),
    [
        ("SIGUSR2", 60, ["scontrol requeue 1_1"]),  # announced long before the time limit: a preemption
        ("SIGUSR2", 5, []),  # a time limit, which submitit lets SLURM repeat max_num_timeout times: 0
        ("SIGTERM", 60, []),
        ("lost node", 60, ["scontrol requeue 1_1"]),
    ],
)
def test_a_trial_that_slurm_interrupts_resumes(name: str, minutes: int, calls: list[str]) -> None:
    """After a preemption or the loss of a node in the same job; else with the study's next batch."""
    words = [f"hydra.launcher.timeout_min={minutes}", "hydra.launcher.signal_delay_s=60"]
    code, out = run("submitit_slurm", *words, total=2, faults=f'{{"1": "{name}"}}')
    assert code == 0, out
    assert fake_slurm.calls(Path("slurm")) == calls, out
    assert [starts(number) for number in (0, 1)] == [1, 2]
    for each in trials():
        assert each.state.name == "COMPLETE"
        assert each.intermediate_values == pytest.approx(
            {n: 100 * each.params["optimizer.lr"] + n / 100 for n in (1, 2, 3, 4)}
        )
    assert ("it will resume" in out) == (not calls)
    assert len(list(Path("slurm/scripts").iterdir())) == (1 if calls else 2), "number of submissions"


@pytest.mark.slow
def test_a_policy_compares_with_the_batch_before() -> None:
    two = "{optimizer.lr: {type: choice, values: [1e-3, 1e-4]}}"
    grid = ["sweep.sampling_algorithm=grid", "sweep.early_termination={type: bandit, slack_amount: 0.02}"]
    code, out = run("basic", *grid, total=2, batch=1, space=two)
    assert code == 0, out
    assert [(one.state.name, len(one.intermediate_values)) for one in trials()] == [("COMPLETE", 4), ("PRUNED", 1)]
    assert record(1)["status"] == "terminated"
    assert "1 completed, 1 terminated of 2" in out


@pytest.mark.slow
def test_reports_in_a_database_and_one_batch_without_a_limit() -> None:
    url = "sqlite:///study.db"
    code, out = run("basic", f"sweep.storage={url}", total=3, batch=None)
    assert code == 0, out
    assert [(one.state.name, len(one.intermediate_values)) for one in trials(url)] == [("COMPLETE", 4)] * 3


def test_a_fault_of_one_trial_is_recorded_and_the_others_continue() -> None:
    code, out = run("basic", "sweep.limits.trial_timeout=0.5", total=4, batch=2, faults='{"0": "nan", "1": "slow"}')
    assert code == 0, out
    states = [(one.state.name, one.user_attrs.get("failure")) for one in trials()]
    assert states == [("FAIL", "nan"), ("FAIL", "timeout"), ("COMPLETE", None), ("COMPLETE", None)]


@pytest.mark.slow
def test_a_killed_worker_ends_its_batch_and_the_study_still_completes() -> None:
    """joblib gives up on every job of a batch when one worker dies. All run again, the killer three times."""
    code, out = run("joblib", total=4, batch=2, faults='{"1": "kill"}')
    assert code == 0, out
    stored = trials()
    assert [one.state.name for one in stored] == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    assert "3 times without a report" in stored[1].user_attrs["reason"]
    assert [len(one.intermediate_values) for one in stored] == [4, 1, 4, 4]


@pytest.mark.slow
def test_the_sweeps_time_ends_its_trials_and_the_same_command_resumes_them() -> None:
    code, out = run("basic", "sweep.limits.timeout=0.1", total=2, batch=1, faults='{"0": "slow"}')
    assert code == 0, out
    assert [one.state.name for one in trials()] == ["WAITING"]
    code, out = run("basic", total=2, batch=1)
    assert code == 0, out
    assert [(one.state.name, sorted(one.intermediate_values)) for one in trials()] == [("COMPLETE", [1, 2, 3, 4])] * 2


@pytest.mark.slow
def test_a_metric_that_is_not_logged_ends_the_sweep() -> None:
    code, out = run("basic", total=3, batch=1, faults='{"0": "unlogged"}')
    assert code == 1, out
    assert "logged are val/f1_macro, val/loss" in out


def test_the_best_are_confirmed_through_the_launcher() -> None:
    code, out = run("basic", "sweep.confirm={top_k: 1, seeds: 2}", total=2, batch=2)
    assert code == 0, out
    summary = json.loads(Path("multirun/toy/summary.json").read_text())
    assert summary["confirmed"][0]["seeds"] == [43, 44]
    assert len(trials()) == 2


@pytest.mark.slow
def test_a_model_of_the_trials_needs_batches() -> None:
    code, out = run("basic", "sweep.sampling_algorithm=bayesian", batch=None)
    assert code == 1, out
    assert "sweep.limits.max_concurrent_trials=4" in out
    assert not Path("multirun").exists()
