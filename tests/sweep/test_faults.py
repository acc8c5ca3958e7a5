"""Real faults of real studies: kills at random moments, trials that fail in every way, an incomplete journal.

Whatever was killed, the same command ends with the uninterrupted study: its trials, parameters and reports. Moments of
kills are drawn from a seed, which is printed; LAB_FAULT_SEED gives another.
"""

import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

SEED = int(os.environ.get("LAB_FAULT_SEED", "20"))
BAYESIAN = ("~sweep.sampling_algorithm", "+sweep.sampling_algorithm={type: tpe, seed: 3}")
VICTIMS = ("trial", "server", "controller", "all")


@pytest.fixture(scope="module")
def expected_results() -> dict[tuple[str, ...], dict[int, Any]]:
    """Parameters and reports of the uninterrupted study's trials, by further overrides; filled at the first use."""
    return {}


def uninterrupted(toy: Any, expected_results: dict[Any, Any], *overrides: str) -> dict[int, Any]:
    if overrides not in expected_results:
        assert toy.run(*overrides, "hydra.sweep.dir=whole", epoch_s=0)[0] == 0
        expected_results[overrides] = stored_results(toy, Path("whole"))
    return expected_results[overrides]  # type: ignore[no-any-return]


def stored_results(toy: Any, folder: Path) -> dict[int, Any]:
    return {trial.number: (trial.params, trial.intermediate_values) for trial in toy.trials(folder)}


def family(process: subprocess.Popen[str]) -> dict[str, list[int]]:
    """Return the process ids of the study's controller, its server and its trials."""
    try:
        servers = psutil.Process(process.pid).children()
        trials = [trial for server in servers for trial in server.children()]
    except psutil.NoSuchProcess:
        servers, trials = [], []
    return {
        "controller": [process.pid],
        "server": [child.pid for child in servers],
        "trial": [child.pid for child in trials],
    }


def strike(process: subprocess.Popen[str], victim: str, order: random.Random) -> None:
    """Send SIGKILL; to all victims in a random order."""
    processes = family(process)
    targets = [pid for pids in processes.values() for pid in pids] if victim == "all" else processes[victim]
    order.shuffle(targets)
    for pid in targets:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            assert victim == "all", "only a killed controller takes others along"


def epochs_done() -> dict[Path, str]:
    while True:
        try:
            return {path: path.read_text() for path in Path("multirun").glob("toy/**/done.txt")}
        except FileNotFoundError:  # a study that starts again moved a folder while it was read
            continue


def lost(before: dict[Path, str]) -> list[str]:
    """Return the files that a trial wrote and that no folder has: each must stay in place or be moved to `.cut`."""
    now = list(epochs_done().values())
    return [text for text in before.values() if not any(other.startswith(text) for other in now)]


def wait_for_progress(toy: Any, process: subprocess.Popen[str]) -> None:
    """Wait until a trial has done one more epoch, or the study has ended."""
    before = len("".join(epochs_done().values()))
    toy.until(lambda: process.poll() is not None or len("".join(epochs_done().values())) > before)


def killed_again_and_again(toy: Any, victims: list[str], order: random.Random, *overrides: str) -> None:
    """Kill once for each victim. A trial progresses in between; a killed command is started again."""
    process = toy.begin(*overrides, epoch_s=0.1)
    for victim in victims:
        if victim != "controller" or order.random() < 0.5:  # the controller is also killed while it starts
            wait_for_progress(toy, process)
        time.sleep(order.uniform(0, 0.5))
        before = epochs_done()
        strike(process, victim, order)
        if victim in ("controller", "all") or process.poll() is not None:
            process.communicate(timeout=60)
            process = toy.begin(*overrides, epoch_s=0.1)
            time.sleep(order.uniform(0, 1.0))
        assert lost(before) == []
    process.kill()
    process.communicate(timeout=60)


def assert_equals_uninterrupted(toy: Any, expected: dict[int, Any], *overrides: str) -> None:
    reported = stored_results(toy, toy.folder)
    before = epochs_done()
    code, out = toy.run(*overrides, epoch_s=0)
    assert code == 0, out
    assert lost(before) == []
    assert stored_results(toy, toy.folder) == expected
    assert [trial.state.name for trial in toy.trials()] == ["COMPLETE"] * len(expected)
    for number, (_, reports) in reported.items():
        assert reports.items() <= expected[number][1].items()
    for number in expected:
        assert toy.record(number)["status"] == "completed"


@pytest.mark.slow
@pytest.mark.parametrize(
    "victims", [VICTIMS, *(pytest.param([victim] * 4, marks=pytest.mark.slow, id=victim) for victim in VICTIMS)]
)
def test_kills_at_random_moments_change_nothing(toy: Any, expected_results: dict[Any, Any], victims: list[str]) -> None:
    print(f"LAB_FAULT_SEED={SEED}")
    expected = uninterrupted(toy, expected_results)
    killed_again_and_again(toy, victims, random.Random(f"{SEED}-{victims}"))
    assert_equals_uninterrupted(toy, expected)


@pytest.mark.slow
@pytest.mark.parametrize("round_", range(20))
def test_twenty_times_in_a_row(toy: Any, expected_results: dict[Any, Any], round_: int) -> None:
    """Any victim at each kill; every other study is Bayesian, whose samples depend on the reports."""
    print(f"LAB_FAULT_SEED={SEED} round {round_}")
    order = random.Random(f"{SEED}-{round_}")
    overrides = [*BAYESIAN, "sweep.limits.max_total_trials=14"] if round_ % 2 else []
    expected = uninterrupted(toy, expected_results, *overrides)
    killed_again_and_again(toy, order.choices(VICTIMS, k=4), order, *overrides)
    assert_equals_uninterrupted(toy, expected, *overrides)


def test_a_killed_trial_resumes_at_once_while_the_controller_lives(toy: Any) -> None:
    code, out = toy.run(faults={"1": "killed once", "3": "kill"})
    assert code == 0, out
    assert [trial.state.name for trial in toy.trials()] == ["COMPLETE"] * 3 + ["FAIL", "COMPLETE"]
    done = Path("multirun/toy/1/done.txt").read_text()
    assert [line.split()[0] for line in done.splitlines()] == ["0", "1", "2", "3"]
    assert "trial 1 was interrupted: its process was killed by SIGKILL; it will resume" in out
    assert "SIGKILL, 3 times without a report in between" in toy.trials()[3].user_attrs["reason"]
    assert sorted(toy.trials()[3].intermediate_values) == [1]


def test_a_trials_own_failure_is_recorded_and_the_sweep_continues(toy: Any) -> None:
    faults = {"0": "nan", "1": "memory", "2": "exit", "3": "hang", "5": "sys.exit"}
    limits = ["sweep.limits.max_total_trials=6", "sweep.limits.trial_timeout=6", "sweep.limits.max_concurrent_trials=2"]
    code, out = toy.run(*limits, faults=faults)
    assert code == 0, out
    states = [(trial.state.name, trial.user_attrs.get("failure")) for trial in toy.trials()]
    kinds = ["nan", "oom", "error", "timeout"]
    assert states == [*(("FAIL", kind) for kind in kinds), ("COMPLETE", None), ("FAIL", "error")]
    reasons = [trial.user_attrs.get("reason", "") for trial in toy.trials()]
    for reason, text in zip(reasons, ("not finite", "17 GiB", "exit code 7", "longer than 6 s"), strict=False):
        assert text in reason
    assert reasons[5] == "it ended by sys.exit(5)"
    assert [toy.record(number)["status"] for number in range(6)] == ["failed"] * 4 + ["completed", "failed"]
    assert [toy.record(number)["failure"] for number in range(4)] == kinds
    assert all(trial.intermediate_values[1] for trial in toy.trials())


@pytest.mark.slow
def test_a_terminated_trial_that_is_killed_stays_terminated(toy: Any) -> None:
    """Its process dies after the decision, before its end is recorded, and so does the process that resumes it."""
    policy = "sweep.early_termination={type: bandit, slack_amount: 0.02}"
    expected = toy.run(policy, "sweep.limits.max_total_trials=8", "hydra.sweep.dir=whole", epoch_s=0)
    assert expected[0] == 0, expected[1]
    faults = {str(number): "killed in its test" for number in range(8)}
    code, out = toy.run(policy, "sweep.limits.max_total_trials=8", epoch_s=0, faults=faults)
    assert code == 0, out
    states = [trial.state.name for trial in toy.trials()]
    assert states == [trial.state.name for trial in toy.trials(Path("whole"))]
    assert states.count("PRUNED") == out.count("was interrupted") > 1


@pytest.mark.slow
def test_a_killed_confirmation_resumes_and_one_without_a_value_is_named(toy: Any) -> None:
    overrides = ["sweep.confirm={top_k: 2, seeds: 2}", "sweep.limits.max_total_trials=2"]
    code, out = toy.run(*overrides, faults={"0": "killed once"}, epoch_s=0)
    assert code == 0, out
    assert [len(confirmed["values"]) for confirmed in toy.summary()["confirmed"]] == [2, 2]
    assert out.count("killed by SIGKILL (confirmation of trial 0)") == 2
    Path("multirun/toy/confirm").rename("multirun/old")
    code, out = toy.run(*overrides, faults={"0": "killed when over"}, epoch_s=0)
    assert code == 0, out
    assert "was interrupted" not in out
    assert [len(confirmed["values"]) for confirmed in toy.summary()["confirmed"]] == [2, 2]
    Path("multirun/toy/confirm").rename("multirun/older")
    code, out = toy.run(*overrides, faults={"1": "nan"}, epoch_s=0)
    assert code == 0, out
    assert [confirmed["trial"] for confirmed in toy.summary()["confirmed"]] == [0]
    assert "trial 1 is not confirmed under 2 of 2 seeds: " in out
    assert "(confirmation of trial 1) failed: the loss is not finite" in out


@pytest.mark.slow
def test_a_trial_that_ignores_its_timeout_is_killed_and_the_sweep_continues(toy: Any) -> None:
    limits = ["sweep.limits.max_total_trials=2", "sweep.limits.trial_timeout=6"]
    began = time.monotonic()
    code, out = toy.run(*limits, faults={"0": "deaf"})
    assert code == 0, out
    assert time.monotonic() - began < 60
    states = [(trial.state.name, trial.user_attrs.get("failure")) for trial in toy.trials()]
    assert states == [("FAIL", "timeout"), ("COMPLETE", None)]
    assert toy.record(0)["failure"] == "timeout"


@pytest.mark.slow
def test_a_study_with_a_torch_sampler_continues(toy: Any) -> None:
    """Torch runs in the controller before its first trial, and before a new server is forked."""
    overrides = ["~sweep.sampling_algorithm", "+sweep.sampling_algorithm={type: gp, seed: 3}"]
    assert toy.run(*overrides, "sweep.limits.max_total_trials=12", epoch_s=0)[0] == 0
    process = toy.begin(*overrides, "sweep.limits.max_total_trials=15", epoch_s=0.5)
    toy.until(lambda: Path("multirun/toy/12/done.txt").exists())
    strike(process, "server", random.Random(0))
    out, _ = process.communicate(timeout=90)
    assert process.returncode == 0, out
    assert [trial.state.name for trial in toy.trials()] == ["COMPLETE"] * 15


@pytest.mark.slow
def test_an_incomplete_last_line_of_the_journal_is_removed(toy: Any, expected_results: dict[Any, Any]) -> None:
    expected = uninterrupted(toy, expected_results)
    assert toy.run("sweep.limits.max_total_trials=2", epoch_s=0)[0] == 0
    journal = toy.folder / "journal.log"
    with journal.open("a") as file:
        file.write('{"op_code": 5, "trial_i')
    code, out = toy.run(epoch_s=0)
    assert code == 0, out
    assert stored_results(toy, toy.folder) == expected


def test_a_server_that_dies_at_every_start_ends_in_failures(toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("dying.py").write_text("import os\nos._exit(3)\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")]))
    code, out = toy.run("hydra.launcher.preload=[dying]", "sweep.limits.max_total_trials=2")
    assert code == 1, out
    assert [trial.state.name for trial in toy.trials()] == ["FAIL", "FAIL"]
    assert "killed with its server, 3 times" in out


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("disk", "No space left on device"),
        pytest.param("quota", "Disk quota exceeded", marks=pytest.mark.slow),
        pytest.param("share", "Transport endpoint is not connected", marks=pytest.mark.slow),
        pytest.param("gpu", "torch sees no GPU", marks=pytest.mark.slow),
    ],
)
def test_a_missing_resource_of_the_machine_ends_the_command_and_fails_no_trial(toy: Any, fault: str, text: str) -> None:
    limits = ["sweep.limits.max_concurrent_trials=2"]
    code, out = toy.run(*limits, faults={"1": fault})
    if fault == "disk" and "a limit of" in Path("multirun/toy/1/output.log").read_text():
        pytest.skip("needs the right to mount a disk")
    assert code == 1, out
    lines = [line for line in out.splitlines() if "The study stops: trial 1: " in line]
    assert len(lines) == 1, out
    assert text in lines[0]
    assert "Traceback" not in out
    states = [trial.state.name for trial in toy.trials()]
    assert states[1] == "WAITING"
    assert set(states) <= {"WAITING", "COMPLETE"}
    code, out = toy.run(*limits)
    assert code == 0, out
    assert [trial.state.name for trial in toy.trials()] == ["COMPLETE"] * 5
    assert all(len(trial.intermediate_values) == 4 for trial in toy.trials())


@pytest.mark.slow
def test_a_fault_of_the_machine_stops_a_confirmation(toy: Any) -> None:
    overrides = ["sweep.confirm={top_k: 1, seeds: 2}", "sweep.limits.max_total_trials=1"]
    assert toy.run(*overrides[1:], epoch_s=0)[0] == 0
    code, out = toy.run(*overrides, epoch_s=0, faults={"0": "quota"})
    assert code == 1, out
    assert out.count("The study stops: confirm/0-") == 1
    code, out = toy.run(*overrides, epoch_s=0)
    assert code == 0, out
    assert [len(confirmed["values"]) for confirmed in toy.summary()["confirmed"]] == [2]


def test_a_fault_of_the_machine_starts_no_further_job_of_a_grid(toy: Any) -> None:
    overrides = ["hydra/sweeper=basic", "~sweep", "seed=1,2,3,4", "hydra.launcher.slots=1"]
    code, out = toy.run(*overrides, epoch_s=0, faults={"1": "share"})
    assert code == 1, out
    assert out.count("2 jobs are not started: [Errno 107] Transport endpoint is not connected") == 1
    assert not (toy.folder / "2").exists()


SMALL_DISK = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs -o size=$1 none small && shift && exec "$@"', "sh"]


@pytest.mark.slow
def test_a_full_disk_under_the_study_ends_it_in_one_line(toy: Any) -> None:
    Path("small").mkdir()
    if subprocess.run([*SMALL_DISK, "64k", "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a disk")
    code, out = toy.run("hydra.sweep.dir=small/toy", inside=[*SMALL_DISK, "120k"], epoch_s=0)
    assert code == 1, out
    assert "The study cannot be written: [Errno 28] No space left on device" in out
    assert "Traceback" not in out
