"""Real commands that share a study through a database: exact totals, kills, sleeping controllers, policies."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import optuna
import pytest
from optuna.storages import RDBStorage

from benchmarks.harness.postgres_server import PostgresServer, free_port
from benchmarks.harness.proxy_server import proxy_of
from lab.sweep.storage.optuna_storage import open_storage

TRIAL = Path(__file__).with_name("stored_trial.py")
URL = "sqlite:///study.db"
UNIFORM = "{type: uniform, min_value: 1e-4, max_value: 1e-3}"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def trials(url: str = URL) -> list[optuna.trial.FrozenTrial]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = open_storage(url, Path())
    try:
        return optuna.load_study(study_name="toy", storage=storage).get_trials()
    finally:
        if isinstance(storage, RDBStorage):
            storage.engine.dispose()


def address(kind: str, request: pytest.FixtureRequest) -> str:
    """The URL of a real storage of a kind, without studies."""
    if kind == "sqlite":
        return URL
    return str(request.getfixturevalue("proxy") if kind == "grpc" else request.getfixturevalue("postgres").url)


def begin(
    folder: str,
    total: int,
    url: str = URL,
    *,
    silent_s: float | None = None,
    space: str = UNIFORM,
    words: Sequence[str] = (),
    **faults: str,
) -> subprocess.Popen[str]:
    """One controller with one slot, in a folder of its own. words: further ones; faults: the fault of trial `tN`."""
    command = [sys.executable, str(TRIAL), "-m", "hydra/sweeper=lab", "sweep.study=toy", f"sweep.storage={url}",
               f"hydra.sweep.dir={folder}", "trainer.max_epochs=3",
               f"sweep.search_space={{optimizer.lr: {space}}}",
               f"sweep.limits={{max_total_trials: {total}, max_concurrent_trials: 1}}", *words]  # fmt: skip
    command += [] if any(word.startswith("hydra/launcher=") for word in words) else ["hydra.launcher.preload=[]"]
    environment = {**os.environ, "LAB_FAULTS": json.dumps({key[1:]: what for key, what in faults.items()})}
    if silent_s is not None:
        environment["LAB_SILENT_S"] = str(silent_s)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, env=environment, **pipes)  # type: ignore[call-overload,no-any-return]


def ended(process: subprocess.Popen[str]) -> str:
    out, _ = process.communicate(timeout=240)
    assert process.returncode == 0, out
    return out


@pytest.mark.parametrize(
    "kind", [pytest.param("sqlite", marks=pytest.mark.slow), "postgres", pytest.param("grpc", marks=pytest.mark.slow)]
)
def test_two_controllers_run_each_trial_once_and_the_total_is_exact(kind: str, request: pytest.FixtureRequest) -> None:
    url = address(kind, request)
    both = [begin(folder, 6, url, t0="together") for folder in "ab"]
    for process in both:
        ended(process)
    stored = trials(url)
    assert [(trial.number, trial.state.name, len(trial.intermediate_values)) for trial in stored] == [
        (number, "COMPLETE", 3) for number in range(6)
    ]
    ran = {folder: sorted(int(file.parent.name) for file in Path(folder).glob("*/starts.txt")) for folder in "ab"}
    assert sorted(ran["a"] + ran["b"]) == list(range(6))
    assert ran["a"]
    assert ran["b"]
    assert all(len(file.read_text().splitlines()) == 1 for file in Path().glob("[ab]/*/starts.txt"))
    best = max(stored, key=lambda trial: trial.params["optimizer.lr"]).number
    assert best in [json.loads(Path(f"{folder}/summary.json").read_text())["winner"]["trial"] for folder in "ab"]


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(6000):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("it did not come to pass within 120 s")


def until_first_epoch(process: subprocess.Popen[str], folder: str, trial: int = 0) -> None:
    """Wait until a trial of a controller has its first checkpoint."""
    wait_for(lambda: process.poll() is not None or bool(list(Path(folder).glob(f"{trial}/checkpoints/last.ckpt"))))
    assert process.poll() is None, process.communicate()[0]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgres", "grpc"])
def test_others_run_the_trial_of_a_killed_controller(kind: str, request: pytest.FixtureRequest) -> None:
    url = address(kind, request)
    first = begin("a", 3, url, silent_s=2, t0="slow")
    until_first_epoch(first, "a")
    second = begin("b", 3, url, silent_s=2)
    first.kill()
    first.communicate()
    out = ended(second)
    assert "the controller of trials 0 is silent" in out
    stored = trials(url)
    assert [(trial.state.name, sorted(trial.intermediate_values)) for trial in stored] == [("COMPLETE", [1, 2, 3])] * 3
    assert json.loads(Path("b/summary.json").read_text())["trials"]["completed"] == 3
    assert "3 completed" in ended(begin("a", 3, url, silent_s=2)), "the killed one's command finds a finished study"


@pytest.mark.slow
def test_a_command_with_a_launcher_keeps_its_trial_as_long_as_it_lives() -> None:
    """Its loop waits for the whole batch, which is longer here than the silence that others bear."""
    words = ("hydra/launcher=basic", "trainer.max_epochs=20")
    first = begin("a", 2, silent_s=2, words=words, t0="joined")
    until_first_epoch(first, "a")
    second = begin("b", 2, silent_s=2, words=words)
    assert "is silent" not in ended(second) + ended(first)
    assert {path: Path(path, "starts.txt").read_text() for path in ("a/0", "b/1")} == dict.fromkeys(
        ("a/0", "b/1"), "start\n"
    )

    third = begin("c", 3, silent_s=2, words=words, t2="slow")
    until_first_epoch(third, "c", 2)
    third.kill()
    third.communicate()
    assert "the controller of trials 2 is silent" in ended(begin("b", 3, silent_s=2, words=words))
    assert [trial.state.name for trial in trials()] == ["COMPLETE"] * 3


@pytest.mark.slow
def test_a_controller_that_resumes_before_it_counts_as_silent_runs_its_own_trial_from_its_checkpoint() -> None:
    first = begin("a", 3, t0="slow")
    until_first_epoch(first, "a")
    first.kill()
    first.communicate()
    ended(begin("a", 3))
    stored = trials()
    assert [(trial.state.name, sorted(trial.intermediate_values)) for trial in stored] == [("COMPLETE", [1, 2, 3])] * 3
    assert len(Path("a/0/starts.txt").read_text().splitlines()) == 2


@pytest.mark.slow
def test_a_database_that_goes_away_stops_the_command_with_one_line_and_the_study_resumes(
    postgres: PostgresServer,
) -> None:
    command = begin("a", 3, postgres.url, t0="slow", t1="slow")
    until_first_epoch(command, "a")
    postgres.stop()
    out, _ = command.communicate(timeout=240)
    assert command.returncode == 1, out
    assert out.count("The study stops: the study's storage (sweep.storage) is lost") == 1
    assert "the same command resumes the study" in out
    again = begin("a", 3, postgres.url)
    out, _ = again.communicate(timeout=240)
    assert again.returncode == 1, out
    assert "sweep.storage" in out
    assert "cannot be opened" in out
    postgres.start()
    ended(begin("a", 3, postgres.url))
    stored = trials(postgres.url)
    assert [(trial.state.name, sorted(trial.intermediate_values)) for trial in stored] == [("COMPLETE", [1, 2, 3])] * 3
    assert len(Path("a/0/starts.txt").read_text().splitlines()) == 2


@pytest.mark.slow
def test_a_proxy_that_goes_away_stops_the_command_with_one_line_and_the_study_resumes(postgres: PostgresServer) -> None:
    port = free_port()
    with proxy_of(postgres, port) as url:
        command = begin("a", 3, url, t0="slow", t1="slow")
        until_first_epoch(command, "a")
    out, _ = command.communicate(timeout=240)
    assert command.returncode == 1, out
    assert out.count("The study stops: the study's storage (sweep.storage) is lost") == 1
    assert "the same command resumes the study" in out
    with proxy_of(postgres, port) as url:
        ended(begin("a", 3, url))
    stored = trials(postgres.url)
    assert [(trial.state.name, sorted(trial.intermediate_values)) for trial in stored] == [("COMPLETE", [1, 2, 3])] * 3


@pytest.mark.slow
def test_policies_compare_with_the_trials_of_other_controllers(postgres: PostgresServer) -> None:
    """Each controller runs one trial of a grid: the reports of the better one end the other's."""
    words = ["sweep.sampling_algorithm=grid", "sweep.early_termination={type: bandit, slack_amount: 0.02}"]
    space = "{type: choice, values: [1e-3, 1e-4]}"
    ended(begin("a", 1, postgres.url, space=space, words=words))
    ended(begin("b", 2, postgres.url, space=space, words=words))
    stored = trials(postgres.url)
    assert [(trial.state.name, len(trial.intermediate_values)) for trial in stored] == [("COMPLETE", 3), ("PRUNED", 1)]
    assert stored[0].user_attrs["controller"] != stored[1].user_attrs["controller"]
    assert "slack_amount" in stored[1].user_attrs["reason"]


@pytest.mark.slow
def test_a_controller_that_slept_gives_up_a_trial_that_was_taken_over() -> None:
    first = begin("a", 3, silent_s=2, t0="slow")
    until_first_epoch(first, "a")
    first.send_signal(signal.SIGSTOP)
    time.sleep(2.5)
    ended(begin("b", 3, silent_s=2))
    stored = trials()
    first.send_signal(signal.SIGCONT)
    assert "another took it over" in ended(first)
    assert [(trial.state.name, sorted(trial.intermediate_values)) for trial in stored] == [("COMPLETE", [1, 2, 3])] * 3
    assert [trial.values for trial in trials()] == [trial.values for trial in stored]


@pytest.mark.slow
def test_controllers_with_equal_names_and_paths_do_not_interfere() -> None:
    """As in containers: the same host name, the same path. The folders are moved while their controllers run."""
    first = begin("a", 2, t0="slow")
    until_first_epoch(first, "a")
    first.send_signal(signal.SIGSTOP)
    Path("a").rename("b")
    second = begin("a", 2)
    wait_for(lambda: trials()[-1].state.name == "COMPLETE")
    second.send_signal(signal.SIGINT)
    out, _ = second.communicate(timeout=240)
    assert "waiting for 1 trial of other controllers" in out
    assert second.returncode == -signal.SIGINT, out
    Path("a").rename("c")
    Path("b").rename("a")
    first.send_signal(signal.SIGCONT)
    assert "another took it over" not in ended(first)
    assert [trial.state.name for trial in trials()] == ["COMPLETE"] * 2
