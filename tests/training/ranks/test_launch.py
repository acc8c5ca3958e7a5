"""A run in two processes from its start to its end: one owner of the folder, one end of all, exact resume."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lab.core.record.run_folder import RunFolder

SETTINGS = [
    "data.num_rows=110", "trainer.max_epochs=3", "logger=csv", "callbacks.curves.png=false", "trainer.threads=1",
    "model.architecture.hidden_size=32", "model.architecture.intermediate_size=64", "model.vocabulary_size=500",
    "model.architecture.num_hidden_layers=1", "callbacks.checkpoint.every_n_steps=1", "seed=3",
]  # fmt: skip
TWO = ["trainer.devices=2", "trainer.strategy=ddp", "data.batch_size=4"]
EXACT = ["model.dropout=0", "+model.architecture.hidden_dropout_prob=0"]
COSTS = ("_per_s", "_gib", "padding_share")
LIMIT_S = 400
"""Seconds that a command may take; on a quiet machine it takes about 15."""
SCRIPT = Path(__file__).resolve().parents[3] / "train.py"


def scores(run: RunFolder) -> list[dict[str, float]]:
    return [{name: value for name, value in row.items() if not name.endswith(COSTS)} for row in run.history()]


def test_rank_zero_alone_owns_the_folder(warm: Any, tmp_path: Path) -> None:
    """A run of about 10 s: the other process imports everything anew."""
    run = RunFolder(tmp_path / "run")
    assert warm.run(run.path, [*SETTINGS, *TWO, "trainer.max_epochs=2"]) == 0
    record = run.read()
    assert record["status"] == "completed"
    assert [row["epoch"] for row in run.history()] == [0, 1], "one writer of the history"
    assert record["metrics"]["test"]["f1_macro"] > 0
    assert not list(run.path.glob("rank_*.log")), "no other rank printed anything"
    assert (
        "ranks.join"
        not in subprocess.run(
            ["ps", "--ppid", str(warm.process.pid), "-o", "args"], capture_output=True, text=True
        ).stdout
    )


@pytest.mark.slow  # two runs
def test_two_processes_make_the_run_of_one(warm: Any, tmp_path: Path) -> None:
    one, two = RunFolder(tmp_path / "one"), RunFolder(tmp_path / "two")
    assert warm.run(one.path, [*SETTINGS, *EXACT, "data.batch_size=8"]) == 0
    assert warm.run(two.path, [*SETTINGS, *EXACT, *TWO]) == 0
    for alone, together in zip(scores(one), scores(two), strict=True):
        assert together == pytest.approx(alone, abs=1e-4)
    first, second = one.read(), two.read()
    assert second["metrics"]["test"] == pytest.approx(first["metrics"]["test"], abs=1e-4)
    assert sorted(path.name for path in two.path.iterdir()) == sorted(path.name for path in one.path.iterdir())


@pytest.mark.slow  # two runs, one of them in two halves
def test_stopped_and_resumed_equals_straight(warm: Any, equal_runs: Any, tmp_path: Path) -> None:
    straight, run = RunFolder(tmp_path / "straight"), RunFolder(tmp_path / "run")
    assert warm.run(straight.path, SETTINGS + TWO) == 0
    warm.run(run.path, SETTINGS + TWO, kill_at=12, number=signal.SIGTERM)
    assert run.read()["status"] == "interrupted"
    step = len(run.history())
    assert 0 < step < 3
    assert warm.run(run.path, [*SETTINGS, *TWO, f"resume={run.path}"]) == 0
    equal_runs(straight, run)


@pytest.mark.slow  # two runs
def test_a_rank_that_was_killed_leaves_a_run_that_can_be_resumed(tmp_path: Path) -> None:
    """Of three ranks, the one that was killed is named, not the one that lost its connection by it."""
    run = RunFolder(tmp_path / "run")
    words = [*SETTINGS, *TWO, "trainer.devices=3", "trainer.max_epochs=200", "baselines.enabled=false"]
    process = start([*words, f"hydra.run.dir={run.path}"])
    wait_for(process, run, 2)
    ranks = [int(line.split()[0]) for line in children(process.pid)]
    (killed,) = [pid for pid in ranks if b"\0RANK=2\0" in Path(f"/proc/{pid}/environ").read_bytes()]
    os.kill(killed, signal.SIGKILL)
    said = process.communicate(timeout=LIMIT_S)[1]
    assert process.returncode == 1
    assert "the process of rank 2 was killed by signal 9; to resume: " in said
    assert "Traceback" not in said
    assert run.read()["status"] == "interrupted"
    done = run.history()[-1]["epoch"]
    again = start([f"resume={run.path}", f"trainer.max_epochs={done + 3}"])
    said = again.communicate(timeout=LIMIT_S)[1]
    assert again.returncode == 0, said
    assert run.history()[-1]["epoch"] == done + 2


@pytest.mark.slow  # a run until its second epoch
def test_ctrl_c_ends_all_ranks_at_one_step(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    process = start([*SETTINGS, *TWO, "trainer.max_epochs=200", f"hydra.run.dir={run.path}"])
    wait_for(process, run, 2)
    (rank,) = [int(line.split()[0]) for line in children(process.pid)]
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=LIMIT_S)[1]
    assert process.returncode == 130, said
    assert "interrupted; to resume: " in said
    assert not Path(f"/proc/{rank}").exists()
    assert run.read()["status"] == "interrupted"


@pytest.mark.slow  # a run until its second epoch
def test_a_killed_rank_zero_leaves_no_process(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    process = start([*SETTINGS, *TWO, "trainer.max_epochs=200", f"hydra.run.dir={run.path}"])
    wait_for(process, run, 2)
    (rank,) = [int(line.split()[0]) for line in children(process.pid)]
    process.kill()
    process.communicate(timeout=20)
    for _ in range(600):
        if not Path(f"/proc/{rank}").exists():
            break
        time.sleep(0.1)
    assert not Path(f"/proc/{rank}").exists()
    assert run.read()["status"] == "interrupted"


@pytest.mark.slow  # a run
def test_torchrun_starts_the_same_run(tmp_path: Path) -> None:
    run, started = RunFolder(tmp_path / "run"), RunFolder(tmp_path / "started")
    words = [*SETTINGS, *TWO, *EXACT, "baselines.enabled=false"]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(SCRIPT)]
    ended = subprocess.run([*torchrun, *words, f"hydra.run.dir={run.path}"], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count("epoch 1/3") == 1, "only rank 0 prints"
    own = start([*words, f"hydra.run.dir={started.path}"])
    said = own.communicate(timeout=LIMIT_S)[1]
    assert own.returncode == 0, said
    assert scores(run) == scores(started)


@pytest.mark.slow  # a run
def test_tasks_of_slurm_meet_by_their_environment(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    words = [*SETTINGS, *TWO, "baselines.enabled=false", f"hydra.run.dir={run.path}"]
    step = {"SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_NUM_NODES": "1", "SLURM_JOB_ID": str(os.getpid())}
    tasks = [start(words, step | {"SLURM_PROCID": f"{rank}", "SLURM_LOCALID": f"{rank}"}) for rank in range(2)]
    said = [task.communicate(timeout=LIMIT_S) for task in tasks]
    assert [task.returncode for task in tasks] == [0, 0], said
    assert said[1] == ("", "")
    assert run.read()["status"] == "completed"


@pytest.mark.slow  # three starts of a run
def test_a_node_that_dies_ends_the_others_with_one_line_and_the_run_resumes(tmp_path: Path) -> None:
    """Two machines with a task of SLURM each, of which one is lost: first that of rank 1, then that of rank 0."""
    run = RunFolder(tmp_path / "run")
    words = [
        *SETTINGS, "trainer.num_nodes=2", "trainer.strategy=ddp", "data.batch_size=4", "trainer.max_epochs=200",
        "baselines.enabled=false", f"hydra.run.dir={run.path}",
    ]  # fmt: skip
    first, second = nodes(words, 1)
    wait_for(first, run, 2)
    second.kill()
    said = first.communicate(timeout=LIMIT_S)[1]
    assert first.returncode == 1, said
    assert said.count("the connection to another rank was lost; to resume: ") == 1
    assert "Traceback" not in said
    assert run.read()["status"] == "interrupted"
    second.communicate()

    done = run.history()[-1]["epoch"]
    first, second = nodes([f"resume={run.path}"], 2)
    wait_for(first, run, done + 3)
    first.kill()
    said = second.communicate(timeout=LIMIT_S)[1]
    assert second.returncode == 1, said
    assert len(said.splitlines()) == 1, said
    first.communicate()

    done = run.history()[-1]["epoch"]
    first, second = nodes([f"resume={run.path}", f"trainer.max_epochs={done + 3}"], 3)
    said = [task.communicate(timeout=LIMIT_S)[1] for task in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], said
    assert run.history()[-1]["epoch"] == done + 2


def nodes(words: list[str], step: int) -> list[subprocess.Popen[str]]:
    """The tasks of a step of SLURM on two machines."""
    of_all = {
        "SLURM_STEP_NUM_TASKS": "2",
        "SLURM_STEP_NUM_NODES": "2",
        "SLURM_LOCALID": "0",
        "SLURM_STEP_ID": f"{step}",
    }
    of_all["SLURM_JOB_ID"] = str(os.getpid())
    return [start(words, of_all | {"SLURM_PROCID": f"{rank}"}) for rank in range(2)]


@pytest.mark.slow  # a sweep of two trials
def test_trials_of_a_sweep_start_their_own_ranks(tmp_path: Path) -> None:
    words = [*SETTINGS, *TWO, "trainer.max_epochs=1", "baselines.enabled=false"]
    sweep = start(
        ["-m", *words, "optimizer.lr=1e-3,1e-4", "hydra.launcher.slots=1", f"hydra.sweep.dir={tmp_path / 'sweep'}"]
    )
    said = sweep.communicate(timeout=LIMIT_S)
    assert sweep.returncode == 0, said
    runs = [RunFolder(tmp_path / "sweep" / str(number)) for number in range(2)]
    assert [run.read()["status"] for run in runs] == ["completed", "completed"]
    assert json.loads((runs[1].path / "run.json").read_text())["sweep"]["trial"] == 1


def start(words: list[str], environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
    command = [sys.executable, str(SCRIPT), *words]
    variables = {**os.environ, **(environment or {})}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, env=variables
    )


def children(pid: int) -> list[str]:
    lines = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
    return [line for line in lines.splitlines()[1:] if int(line.split()[1]) == pid and "ranks.join" in line]


def wait_for(process: subprocess.Popen[str], run: RunFolder, rows: int) -> None:
    """Wait for validations of a run, which may be slow on a busy machine."""
    history = run.path / "history.jsonl"
    for _ in range(3000):
        if history.is_file() and history.read_text().count("\n") >= rows:
            return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    process.kill()
    raise AssertionError(f"no {rows} epochs: {process.communicate()}")
