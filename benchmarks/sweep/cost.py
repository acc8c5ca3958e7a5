"""What a trial costs the controller in a small and in a large study, and how long a large one takes to resume.

    python -m benchmarks.sweep.cost [--trials 5000] [--early 500] [--reports 10] [--policy median_stopping]

The study's own loop and storage (a journal file) on trials that do nothing: ask, start, `--reports` reports with the
policy's decision at each, tell. A study is started by a real command and filled in memory up to `--early` and
`--trials`. Then some more trials alternate between the small and the large study, in memory and on disk, where Optuna's
journal flushes every line, so that a slow minute of the machine affects all of them. The real command resumes the large
study for one more trial; its wall time is that of the whole command. The time in which TPE's model draws a trial is
measured separately, on the same studies.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import optuna
from hydra.core.utils import JobReturn, JobStatus

from benchmarks.harness.table import RESULTS, finish, shown, spread
from lab.config.schema import Limits
from lab.core.record.run_folder import StudyFolder
from lab.early_termination.parsing import parse as parse_policy
from lab.sweep.definition.plan import Plan
from lab.sweep.execution.messages import TrialExit, TrialMessage
from lab.sweep.reporting.reporter import Report
from lab.sweep.search_space.samplers import build_sampler
from lab.sweep.search_space.space import parse_space
from lab.sweep.storage.controllers import SoleController
from lab.sweep.storage.optuna_storage import open_storage
from lab.sweep.study.loop import Search
from lab.sweep.study.progress_table import ProgressTable

ROOT = Path(__file__).resolve().parents[2]
NAME, SLOTS, BLOCK = "cost", 2, 12
LIMITS = {"ratio": 2.0, "resume_s": 10.0}
SPACE = {
    "optimizer.lr": {"type": "loguniform", "low": 1e-5, "high": 1e-3},
    "data.batch_size": {"type": "choice", "values": [16, 32, 64]},
    "loss.label_smoothing": {"type": "quniform", "min_value": 0.0, "max_value": 0.2, "q": 0.05},
}


@dataclass
class Instant:
    """In place of the processes: trials that report at once and never end early. Keeps when each was started."""

    num_reports: int
    slots: int = SLOTS
    running: dict[int, int] = field(default_factory=dict)
    starts: list[float] = field(default_factory=list)

    def open(self) -> None:
        """There is no server."""

    def free(self) -> int:
        return self.slots - len(self.running)

    def start(self, number: int, job: object, timeout_s: float | None = None) -> None:  # noqa: ARG002
        self.starts.append(time.perf_counter())
        self.running[number] = 0

    def wait(self) -> list[TrialMessage | TrialExit]:
        number = min(self.running)
        if self.running[number] == self.num_reports:
            del self.running[number]
            ended = JobReturn(status=JobStatus.COMPLETED)
            ended.return_value = 0.0
            return [TrialExit(number, ended, None, None)]
        interval = self.running[number] = self.running[number] + 1
        value = 0.5 + 0.01 * (number * 7919 % 101) / 101 + 0.01 * interval
        return [TrialMessage(number, Report(interval, value, interval - 1, self.num_reports))]

    def answer(self, number: int, reply: object) -> None: ...

    def stop(self, number: int, how: str) -> None: ...


def command(folder: Path, total: int, policy: str) -> float:
    """Wall seconds of a real command that takes the study to `total` trials."""
    space = ", ".join(f"{key}: {{{', '.join(f'{k}: {v}' for k, v in law.items())}}}" for key, law in SPACE.items())
    words = ["hydra/sweeper=lab", f"hydra.sweep.dir={folder}", f"sweep.study={NAME}", "hydra.launcher.preload=[]"]
    words += [f"sweep.search_space={{{space}}}", f"sweep.limits.max_total_trials={total}"]
    words += [f"sweep.early_termination={policy}", f"sweep.limits.max_concurrent_trials={SLOTS}"]
    environment = os.environ | {"CLOCKED": str(folder.parent / "clock.jsonl"), "CLOCKED_SLEEP_S": "0.01"}
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "harness" / "clocked.py"), "-m", *words],
        cwd=folder.parent, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError((done.stdout + done.stderr)[-3000:])
    return time.monotonic() - started


def planned(folder: Path, total: int, policy: str) -> Plan:
    space = parse_space(SPACE)
    limits = Limits.model_construct(
        max_total_trials=total, max_concurrent_trials=SLOTS, timeout=None, trial_timeout=None, max_failed_trials=None
    )
    blocks: dict[str, Any] = {}
    return Plan(
        study=NAME, folder=folder, space=space, sampler=build_sampler("random", space), metric="val/f1_macro",
        goal="maximize", policy=parse_policy(policy), total=total, limits=limits, confirm=None, storage=None, fixed=(),
        settings={}, blocks=blocks, seed=0,
    )  # fmt: skip


def fill(plan: Plan, num_reports: int) -> tuple[list[float], float]:
    """When each trial was started, and the seconds it took to open what was there."""
    began = time.perf_counter()
    folder = StudyFolder(plan.folder)
    storage = open_storage(None, folder.journal)
    study = optuna.load_study(study_name=NAME, storage=storage, sampler=plan.sampler)
    pool = Instant(num_reports)
    search = Search(plan, study, storage, pool, ProgressTable(plan.total), folder, SoleController(study, storage))  # type: ignore[arg-type]  # a stand-in
    opened = time.perf_counter() - began
    search.run()
    return pool.starts, opened


def costs_ms(plan: Plan, num_reports: int) -> list[float]:
    """Of `BLOCK` more trials of a study, each from its start to the next one's; the first fill the slots."""
    starts, _ = fill(plan, num_reports)
    return [1000 * (after - before) for before, after in zip(starts[SLOTS:], starts[SLOTS + 1 :], strict=False)]


def tpe_ms(plan: Plan, asks: int = 5) -> dict[str, float]:
    """To draw a trial by TPE's model from what the study knows. The trials are left running, and nobody looks again."""
    sampler = build_sampler("bayesian", plan.space)
    storage = open_storage(None, StudyFolder(plan.folder).journal)
    study, times = optuna.load_study(study_name=NAME, storage=storage, sampler=sampler), []
    for _ in range(asks):
        began = time.perf_counter()
        study.ask(plan.space.distributions())
        times.append(1000 * (time.perf_counter() - began))
    return spread(times[1:])


def spreads_of(costs: Mapping[tuple[str, int], list[float]], where: str) -> list[dict[str, float]]:
    return [spread(times) for (place, _), times in costs.items() if place == where]


def row(name: str, pair: Sequence[Mapping[str, float]]) -> list[str]:
    """A line of the table: the small study, the large one, the ratio of their medians."""
    early, late = pair
    return [name, shown(early, 1), shown(late, 1), f"{late['median'] / early['median']:.2f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=5000)
    parser.add_argument("--early", type=int, default=500)
    parser.add_argument("--reports", type=int, default=10)
    parser.add_argument("--policy", default="median_stopping", help="the one whose bookkeeping costs most")
    parser.add_argument("--blocks", type=int, default=8, help=f"of {BLOCK} trials, measured in turn in both studies")
    parser.add_argument("--results", type=Path, default=RESULTS / "sweep_cost.json")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory() as disk, tempfile.TemporaryDirectory(dir=memory) as quick:
        begun = Path(disk) / "begun"
        first = command(begun, 1, options.policy)
        growing = planned(Path(quick) / NAME, options.early, options.policy)
        shutil.copytree(begun, growing.folder)
        plans: dict[tuple[str, int], Plan] = {}
        for total in (options.early, options.trials):
            fill(replace(growing, total=total), options.reports)
            for where, place in (("memory", quick), ("disk", disk)):
                plans[where, total] = replace(growing, folder=Path(place) / f"of-{total}", total=total)
                shutil.copytree(growing.folder, plans[where, total].folder)
        costs: dict[tuple[str, int], list[float]] = {which: [] for which in plans}
        for block in range(1, options.blocks + 1):
            for which, plan in plans.items():
                costs[which] += costs_ms(replace(plan, total=plan.total + block * BLOCK), options.reports)
        small, large = plans["disk", options.early], plans["disk", options.trials]
        total = options.trials + options.blocks * BLOCK + 1
        resumed = command(large.folder, total, options.policy)
        _, opened = fill(replace(large, total=total), options.reports)
        megabytes = (large.folder / "journal.log").stat().st_size / 1e6
        draws = [tpe_ms(small), tpe_ms(large)]
    rows = [
        row(f"ask + {options.reports} reports + tell, the work alone, ms", spreads_of(costs, "memory")),
        row("the same with each write flushed to disk, ms", spreads_of(costs, "disk")),
        row("TPE's draw besides, ms", draws),
        ["study opened, s", "", f"{opened:.2f}", ""],
        ["command, Enter to prompt, s", f"{first:.1f} (new study)", f"{resumed:.1f}", f"{resumed / first:.2f}"],
    ]
    reported = {
        "limits": LIMITS, "policy": options.policy, "reports": options.reports,
        "trials": [options.early, options.trials],
        "cost_ms": {where: spreads_of(costs, where) for where in ("memory", "disk")}, "tpe_ms": draws,
        "open_s": opened, "journal_mb": megabytes, "command_s": {"first": first, "resumed": resumed},
    }  # fmt: skip
    head = [
        f"{options.policy}, journal of {megabytes:.1f} MB",
        f"trial {options.early}",
        f"trial {options.trials}",
        "ratio",
    ]
    finish("sweep_cost", head, rows, reported, options.results)
    print(f"limits: ratio at most {LIMITS['ratio']:g}, resume under {LIMITS['resume_s']:g} s")


if __name__ == "__main__":
    main()
