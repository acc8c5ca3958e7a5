"""One multirun of clocked.py by `lab` or by hydra-optuna-sweeper with one of Hydra's launchers, and its times."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SLOTS = 2
LAB, JOBLIB, JOBLIB_AT_ONCE, SUBMITIT = (
    "lab",
    "optuna + joblib",
    "optuna + joblib, one batch",
    "optuna + submitit_local",
)


@dataclass(frozen=True)
class Times:
    """Seconds. wall: of the whole command; startup: until the first job began; own: the jobs' work, summed;
    span: from the first job's beginning to the last one's end."""

    wall: float
    startup: float
    own: float
    span: float
    num_jobs: int

    @property
    def overhead(self) -> float:
        """Slot time per job that was not the job's own work, the wait of the last slot included."""
        return (SLOTS * self.span - self.own) / self.num_jobs

    @property
    def busy(self) -> float:
        """Share of the slots' time in which a job did its work."""
        return self.own / (SLOTS * self.span)


def run(by: str, num_jobs: int, overrides: Sequence[str], sleep_s: float | None) -> Times:
    """sleep_s: of a job with a learning rate of 0.001; None to train.

    Raises RuntimeError when the command fails or does not run every job once.
    """
    with tempfile.TemporaryDirectory() as folder:
        clock = Path(folder) / "clock.jsonl"
        environment = os.environ | {"CLOCKED": str(clock), "WANDB_MODE": "offline"}
        if sleep_s is not None:
            environment["CLOCKED_SLEEP_S"] = str(sleep_s)
        words = [*_choices(by, num_jobs), f"hydra.sweep.dir={folder}/sweep", *overrides]
        if by == LAB and sleep_s is not None:
            words.append("hydra.launcher.preload=[]")
        command = [sys.executable, str(ROOT / "benchmarks" / "harness" / "clocked.py"), "-m", *words]
        began, started = time.time(), time.monotonic()
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        wall = time.monotonic() - started
        jobs = [json.loads(line) for line in clock.read_text(encoding="utf-8").splitlines()] if clock.exists() else []
    if done.returncode or sorted(job["job"] for job in jobs) != list(range(num_jobs)):
        raise RuntimeError(f"{by}: exit {done.returncode}, {len(jobs)} jobs\n{(done.stdout + done.stderr)[-3000:]}")
    first, last = min(job["began"] for job in jobs), max(job["ended"] for job in jobs)
    own = sum(job["ended"] - job["began"] for job in jobs)
    return Times(wall, first - began, own, last - first, num_jobs)


def _choices(by: str, num_jobs: int) -> list[str]:
    if by == LAB:
        limits = f"{{max_total_trials: {num_jobs}, max_concurrent_trials: {SLOTS}}}"
        return ["hydra/sweeper=lab", "sweep.study=clocked", f"sweep.limits={limits}"]
    batch = num_jobs if by == JOBLIB_AT_ONCE else SLOTS
    stock = ["hydra/sweeper=optuna", "hydra/sweeper/sampler=random", "hydra.sweeper.sampler.seed=0"]
    stock += [f"hydra.sweeper.n_trials={num_jobs}", f"hydra.sweeper.n_jobs={batch}", "hydra.sweeper.direction=maximize"]
    if by == SUBMITIT:
        return [*stock, "hydra/launcher=submitit_local", "hydra.launcher.timeout_min=60"]
    return [*stock, "hydra/launcher=joblib", f"hydra.launcher.n_jobs={SLOTS}"]
