"""Trials that really train as jobs of a fake SLURM: submitit's own code, real signals, and what a trial is worth after.

An interrupted trial resumes from its last checkpoint and ends exactly as an uninterrupted one.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.sweep import fake_slurm

TRAIN = Path(__file__).parents[2] / "train.py"
WORDS = (
    "-m", "hydra/launcher=submitit_slurm", "trainer.threads=1", "data.num_rows=300", "baselines.enabled=false",
    "trainer.max_epochs=8", "model=tiny", "model.architecture.hidden_size=32", "logger=csv", "cache.dir=cache",
)  # fmt: skip
SWEEP = """# @package _global_
defaults: [{override /hydra/sweeper: lab}]
sweep:
  study: toy
  sampling_algorithm: grid
  search_space: {optimizer.lr: {type: choice, values: [1e-3, 1e-4]}}
  limits: {max_total_trials: 2, max_concurrent_trials: 2}
  early_termination: {type: bandit, slack_amount: 5.0}
"""
EXACT = ("epoch", "step", "train/loss", "val/loss")


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the fake scheduler, whose programs are on PATH."""
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    monkeypatch.chdir(tmp_path)
    Path("conf/sweep").mkdir(parents=True)
    Path("conf/sweep/toy.yaml").write_text(SWEEP)
    for name, value in fake_slurm.variables(tmp_path / "slurm").items():
        monkeypatch.setenv(name, value)
    return tmp_path / "slurm"


def begin(folder: str, *words: str) -> subprocess.Popen[str]:
    """Start a multirun. words: what it tries, a grid or a study."""
    line = [sys.executable, str(TRAIN), "--config-dir", "conf", *WORDS, f"hydra.sweep.dir={folder}", *words]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ})


def finished(process: subprocess.Popen[str]) -> str:
    out, _ = process.communicate(timeout=240)
    assert process.returncode == 0, out
    return out


def wait_for_epochs(folder: Path, num: int) -> None:
    """Wait for a checkpoint after `num` epochs."""
    history, until = folder / "history.jsonl", time.monotonic() + 120
    while time.monotonic() < until:
        if history.exists() and history.read_text().count("\n") >= num and (folder / "checkpoints/last.ckpt").exists():
            return
        time.sleep(0.01)
    raise AssertionError(f"{folder} has not {num} epochs after 120 s")


def outcome(folder: Path) -> dict[str, Any]:
    """Return what an interrupted run must have in common with an uninterrupted one."""
    record = json.loads((folder / "run.json").read_text())
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    scores = {name: value for name, value in record["metrics"]["test"].items() if "_per_s" not in name}
    return {
        "status": record["status"],
        "objective": record["objective"],
        "test": scores,
        "history": [{name: row.get(name) for name in EXACT} for row in rows],
    }


@pytest.mark.slow  # five commands that train
def test_an_interrupted_trial_ends_as_an_uninterrupted_one(slurm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finished(begin("whole", "seed=1,2"))
    assert fake_slurm.calls(slurm) == []
    expected = [outcome(Path("whole") / str(number)) for number in range(2)]
    assert [row["epoch"] for row in expected[0]["history"]] == list(range(8))

    for name, folder, job in (("USR2", "preempted", "2_1"), ("USR1", "other_signal", "3_1")):
        monkeypatch.setenv("SUBMITIT_PREEMPT_SIGNAL", name)
        process = begin(folder, "seed=1,2")
        wait_for_epochs(Path(folder) / "1", 2)
        subprocess.run(["scancel", job, "--signal", name], check=True)
        finished(process)
        assert fake_slurm.calls(slurm)[-2:] == [f"scancel {job} --signal {name}", f"scontrol requeue {job}"]
        assert [outcome(Path(folder) / str(number)) for number in range(2)] == expected
        resumed = [json.loads((Path(folder) / str(n) / "run.json").read_text()).get("resumed") for n in range(2)]
        assert [len(each or []) for each in resumed] == [0, 1]


@pytest.mark.slow  # two runs on two devices
def test_a_trial_on_two_devices_is_preempted_as_one(slurm: Path) -> None:
    """SLURM signals all processes of a job; the other rank and the loaders' workers leave the end to rank 0."""
    words = ("seed=1", "trainer.devices=2", "trainer.strategy=ddp", "trainer.max_epochs=5", "data.num_workers=1")
    finished(begin("whole", *words))
    process = begin("preempted", *words)
    wait_for_epochs(Path("preempted/0"), 2)
    subprocess.run(["scancel", "2", "--signal", "USR2"], check=True)
    finished(process)
    assert fake_slurm.calls(slurm) == ["scancel 2 --signal USR2", "scontrol requeue 2"]
    assert len(json.loads(Path("preempted/0/run.json").read_text())["resumed"]) == 1
    assert outcome(Path("preempted/0")) == outcome(Path("whole/0"))


@pytest.mark.slow  # two studies that train
def test_after_sigterm_the_study_resumes_the_trial_with_its_next_batch(slurm: Path) -> None:
    finished(begin("whole", "sweep=toy"))
    process = begin("stopped", "sweep=toy")
    wait_for_epochs(Path("stopped/0"), 2)
    subprocess.run(["scancel", "2_0", "--signal", signal.SIGTERM.name], check=True)
    out = finished(process)
    assert fake_slurm.calls(slurm) == ["scancel 2_0 --signal SIGTERM"], "nothing was requeued by SLURM"
    assert "interrupted from outside; it will resume" in out
    for number in range(2):
        assert outcome(Path("stopped") / str(number)) == outcome(Path("whole") / str(number))
    assert len(json.loads(Path("stopped/0/run.json").read_text())["resumed"]) == 1
    values = [json.loads((Path(name) / "summary.json").read_text())["winner"]["value"] for name in ("whole", "stopped")]
    assert values[0] == values[1]
