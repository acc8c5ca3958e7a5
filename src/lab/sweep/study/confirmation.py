"""The best configurations again under new seeds, so that a lucky seed does not win. In `confirm/<trial>-<seed>`."""

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
from lab.sweep.execution.recovery import ENDED_WELL, record_failure, resumed
from lab.sweep.execution.trial_outcome import Interruptions, TrialOutcome, after, ending, outcome_of_finished_run
from lab.sweep.reporting.reporter import Report
from lab.sweep.study.interrupts import Interrupts
from lab.sweep.study.progress_table import ProgressTable
from lab.sweep.study.results import ConfirmedTrial, confirmed


@dataclass
class _Run:
    """A trial's configuration under one more seed."""

    trial: int
    overrides: Sequence[str]
    seed: int
    cuts: Interruptions = field(default_factory=Interruptions)

    @property
    def name(self) -> str:
        return f"confirm/{self.trial}-{self.seed}"


def confirm(
    plan: Plan,
    best: list[tuple[int, list[str]]],
    folder: StudyFolder,
    pool: Pool | LauncherPool,
    board: ProgressTable,
    interrupts: Interrupts,
) -> list[ConfirmedTrial]:
    """Run the configurations `best` (trial number, overrides) under `plan.confirm.seeds` new seeds each.

    What an earlier command has run counts; what was cut goes on, as in the search. A configuration none of whose runs
    gave a value is left out; runs without one are named. `interrupts` stops it as it does the search.

    Raises MachineError where the machine failed a run.
    """
    assert plan.confirm is not None
    seeds = [plan.seed + 1 + place for place in range(plan.confirm.seeds)]
    every = [_Run(number, overrides, seed) for number, overrides in best for seed in seeds]
    waiting = [one for one in every if _value(folder, one) is None]
    running: dict[int, _Run] = {}
    keys = count(1)
    fault: MachineError | None = None
    board.begin(len(waiting))
    while waiting or running:
        if (asked := interrupts.asked()) is not None:
            waiting.clear()
            for key in running if asked[1] else ():
                pool.stop(key, "stop")
        while waiting and pool.free():
            key = next(keys)
            running[key] = waiting.pop(0)
            words = [*running[key].overrides, f"seed={running[key].seed}"]
            board.started(key, " ".join(words))
            pool.start(key, _job(running[key], words, plan, folder), plan.limits.trial_timeout)
        if not running:
            break
        for event in pool.wait():
            one = running[event.number]
            if isinstance(event, TrialMessage):
                if isinstance(event.message, Report):
                    board.reported(event.number, event.message.interval, event.message.share, None)
                pool.answer(event.number, None)
                continue
            del running[event.number]
            ended = _ended(event, one, plan, folder, board)
            if ended.stops_study:
                fault = fault or MachineError(f"{one.name}: {ended.reason}")
                waiting.clear()
                for key in running:
                    pool.stop(key, "stop")
            elif ended.status == "cut" and asked is None and fault is None:
                waiting.insert(0, one)
        board.tick()
    if fault is not None:
        raise fault
    return _found(best, every, folder, board)


def _job(one: _Run, words: Sequence[str], plan: Plan, folder: StudyFolder) -> Job:
    return Job(one.trial, [*plan.fixed, *words, *resumed(folder, one.name)], one.name)


def _ended(event: TrialExit, one: _Run, plan: Plan, folder: StudyFolder, board: ProgressTable) -> TrialOutcome:
    """How a run ended, told to the board and, where its process could not, to its record."""
    run = folder.trial(one.name)
    if _value(folder, one) is not None:  # also where its process or its launcher was lost after the run was over
        ended = outcome_of_finished_run(None, has_value=True)
    else:
        ended = ending(event, None, False, plan.limits.trial_timeout)
    if ended.status == "cut" and event.requested is None and not ended.stops_study:
        one.cuts, ended = after(one.cuts, len(run.history()), ended.reason)
    if ended.status == "cut":
        board.interrupted(event.number, f"{ended.reason} (confirmation of trial {one.trial})")
        return ended
    if ended.status == "failed":
        record_failure(run, ended)
    reason = f": {ended.reason}" if ended.status == "failed" else ""
    board.finished(event.number, ended.status, f"(confirmation of trial {one.trial}) {ended.status}{reason}")
    return ended


def _found(
    best: list[tuple[int, list[str]]], every: Sequence[_Run], folder: StudyFolder, board: ProgressTable
) -> list[ConfirmedTrial]:
    found = []
    for number, _ in best:
        values = {one.seed: _value(folder, one) for one in every if one.trial == number}
        known = {seed: value for seed, value in values.items() if value is not None}
        if known:
            found.append(confirmed(number, list(known), list(known.values())))
        if missing := [str(seed) for seed in values if seed not in known]:
            board.log(f"trial {number} is not confirmed under {len(missing)} of {len(values)} seeds: {listed(missing)}")
    return found


def _value(folder: StudyFolder, one: _Run) -> float | None:
    run = folder.trial(one.name)
    if not (run.path / "run.json").is_file():
        return None
    record = run.read()
    value = record["objective"]["value"]
    return float(value) if record["status"] in ENDED_WELL and value is not None else None
