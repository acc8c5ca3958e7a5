"""Confirmation: the best configurations run again with new seeds, so that a lucky seed does not win.

Each run has the folder `confirm/<trial>-<seed>`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

from lab.core.errors import listed
from lab.core.machine_faults import MachineError
from lab.core.record.run_folder import StudyFolder
from lab.sweep.definition.plan import Plan
from lab.sweep.execution.hydra_launcher_pool import LauncherPool
from lab.sweep.execution.job import Job
from lab.sweep.execution.messages import TrialExit, TrialMessage
from lab.sweep.execution.process_pool import Pool
from lab.sweep.execution.recovery import ENDED_WELL, record_failure, resume_override
from lab.sweep.execution.trial_outcome import (
    Interruptions,
    TrialOutcome,
    after_interruption,
    outcome_of_exit,
    outcome_of_finished_run,
)
from lab.sweep.reporting.reporter import Report
from lab.sweep.study.interrupts import Interrupts
from lab.sweep.study.progress_table import ProgressTable
from lab.sweep.study.results import ConfirmedTrial, confirmed_trial


@dataclass
class _Run:
    """A trial's configuration under one new seed."""

    trial: int
    overrides: Sequence[str]
    seed: int
    interruptions: Interruptions = field(default_factory=Interruptions)

    @property
    def name(self) -> str:
        return f"confirm/{self.trial}-{self.seed}"


def confirm(
    plan: Plan,
    best: list[tuple[int, list[str]]],
    folder: StudyFolder,
    pool: Pool | LauncherPool,
    progress: ProgressTable,
    interrupts: Interrupts,
) -> list[ConfirmedTrial]:
    """Run the configurations `best` (trial number, overrides) under `plan.confirm.seeds` new seeds each.

    Runs that an earlier command finished count; interrupted runs resume, as in the search. A configuration without any
    value is left out, and runs without a value are logged. `interrupts` stops the runs as it stops the search.

    Raises MachineError where the machine failed a run.
    """
    assert plan.confirm is not None
    seeds = [plan.seed + 1 + place for place in range(plan.confirm.seeds)]
    runs = [_Run(number, overrides, seed) for number, overrides in best for seed in seeds]
    waiting = [run for run in runs if _value(folder, run) is None]
    running: dict[int, _Run] = {}
    keys = count(1)
    fault: MachineError | None = None
    progress.begin(len(waiting))
    while waiting or running:
        if (request := interrupts.requested()) is not None:
            waiting.clear()
            for key in running if request[1] else ():
                pool.stop(key, "stop")
        while waiting and pool.free():
            key = next(keys)
            running[key] = waiting.pop(0)
            overrides = [*running[key].overrides, f"seed={running[key].seed}"]
            progress.started(key, " ".join(overrides))
            pool.start(key, _job(running[key], overrides, plan, folder), plan.limits.trial_timeout)
        if not running:
            break
        for event in pool.wait():
            run = running[event.number]
            if isinstance(event, TrialMessage):
                if isinstance(event.message, Report):
                    progress.reported(event.number, event.message.interval, event.message.share, None)
                pool.answer(event.number, None)
                continue
            del running[event.number]
            ended = _outcome(event, run, plan, folder, progress)
            if ended.stops_study:
                fault = fault or MachineError(f"{run.name}: {ended.reason}")
                waiting.clear()
                for key in running:
                    pool.stop(key, "stop")
            elif ended.status == "interrupted" and request is None and fault is None:
                waiting.insert(0, run)
        progress.tick()
    if fault is not None:
        raise fault
    return _confirmed(best, runs, folder, progress)


def _job(run: _Run, overrides: Sequence[str], plan: Plan, folder: StudyFolder) -> Job:
    return Job(run.trial, [*plan.fixed, *overrides, *resume_override(folder, run.name)], run.name)


def _outcome(event: TrialExit, run: _Run, plan: Plan, folder: StudyFolder, progress: ProgressTable) -> TrialOutcome:
    """Return how a run ended; log it, and complete the record that its process could not write."""
    run_folder = folder.trial(run.name)
    if _value(folder, run) is not None:  # also where its process or its launcher was lost after the run was over
        ended = outcome_of_finished_run(None, has_value=True)
    else:
        ended = outcome_of_exit(event, None, False, plan.limits.trial_timeout)
    if ended.status == "interrupted" and event.requested is None and not ended.stops_study:
        run.interruptions, ended = after_interruption(run.interruptions, len(run_folder.history()), ended.reason)
    if ended.status == "interrupted":
        progress.interrupted(event.number, f"{ended.reason} (confirmation of trial {run.trial})")
        return ended
    if ended.status == "failed":
        record_failure(run_folder, ended)
    reason = f": {ended.reason}" if ended.status == "failed" else ""
    progress.finished(event.number, ended.status, f"(confirmation of trial {run.trial}) {ended.status}{reason}")
    return ended


def _confirmed(
    best: list[tuple[int, list[str]]], runs: Sequence[_Run], folder: StudyFolder, progress: ProgressTable
) -> list[ConfirmedTrial]:
    result = []
    for number, _ in best:
        values = {run.seed: _value(folder, run) for run in runs if run.trial == number}
        known = {seed: value for seed, value in values.items() if value is not None}
        if known:
            result.append(confirmed_trial(number, list(known), list(known.values())))
        if missing := [str(seed) for seed in values if seed not in known]:
            progress.log(
                f"trial {number} is not confirmed under {len(missing)} of {len(values)} seeds: {listed(missing)}"
            )
    return result


def _value(folder: StudyFolder, run: _Run) -> float | None:
    run_folder = folder.trial(run.name)
    if not (run_folder.path / "run.json").is_file():
        return None
    record = run_folder.read()
    value = record["objective"]["value"]
    return float(value) if record["status"] in ENDED_WELL and value is not None else None
