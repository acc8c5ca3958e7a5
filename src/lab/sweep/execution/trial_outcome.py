"""How a trial ended: from what its process said, gave back and died of, to a state, a status and a reason in words.

Cut is what came from outside: a SIGKILL, a SIGTERM, a warm server that was killed, the end of the sweep, a fault of the
machine (`lab.core.machine_faults`), which ends the study's command too. Such a trial goes on from its last checkpoint.
What a trial did itself is a recorded failure: an exception, NaN, out of memory (the kernel's own kill included), an
exit, a crash, its time. Killed `MAX_INTERRUPTIONS` times without a report in between, it fails.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hydra.core.utils import JobReturn, JobStatus

from lab.core.errors import FailureKind, RequestError, RunError
from lab.core.machine_faults import machine_error
from lab.early_termination.policies.base import Goal
from lab.sweep.execution.job import Interrupted, outcome
from lab.sweep.execution.messages import TrialExit

MAX_INTERRUPTIONS = 3
Status = Literal["completed", "terminated", "failed", "cut"]


@dataclass(frozen=True)
class Best:
    """Best value a trial reported, with the interval and the epoch (0-based) of it."""

    value: float
    interval: int
    epoch: int | None


@dataclass(frozen=True)
class TrialOutcome:
    """status `cut`: it is to be run again, from its last checkpoint."""

    status: Status
    reason: str
    failure: FailureKind | None = None
    stops_study: bool = False
    """Cut by a fault of the machine, which every other trial would meet."""


@dataclass(frozen=True)
class Interruptions:
    """How often a trial was cut in a row, each time with `num_reports` reports."""

    times: int = 0
    num_reports: int = 0


def best_of(reports: Mapping[int, float], epochs: Mapping[int, int], goal: Goal) -> Best | None:
    """The best finite report, the earliest of equals; None where there is none."""
    sign = 1.0 if goal == "maximize" else -1.0
    finite = [(sign * value, -interval) for interval, value in reports.items() if math.isfinite(value)]
    if not finite:
        return None
    value, interval = max(finite)
    return Best(sign * value, -interval, epochs.get(-interval))


def ending(gone: TrialExit, told: str | None, has_value: bool, timeout_s: float | None) -> TrialOutcome:
    """told: why a policy ended it, None where none did; has_value: whether it has a finite value."""
    if gone.requested == "stop" and not _completed(gone.result):
        return TrialOutcome("cut", "stopped with the sweep")
    if gone.requested == "timeout" and not _completed(gone.result):
        return TrialOutcome("failed", f"took longer than {timeout_s:g} s (trial_timeout)", "timeout")
    if not isinstance(gone.result, JobReturn):
        return _died(gone)
    if gone.result.status is JobStatus.FAILED:
        return _failed(outcome(gone.result))
    return outcome_of_finished_run(told, has_value)


def outcome_of_finished_run(told: str | None, has_value: bool) -> TrialOutcome:
    """Of a run that has done all that it was to do, as `ending` has it."""
    if not has_value:
        return TrialOutcome("failed", "no epoch gave a finite value of the objective", "nan")
    return TrialOutcome("terminated", told) if told is not None else TrialOutcome("completed", "came to its own end")


def after(cuts: Interruptions, num_reports: int, reason: str) -> tuple[Interruptions, TrialOutcome]:
    """What a cut makes of a trial that has reported `num_reports` times: it is run again, or has failed."""
    times = cuts.times + 1 if cuts.num_reports == num_reports else 1
    now = Interruptions(times, num_reports)
    if times < MAX_INTERRUPTIONS:
        return now, TrialOutcome("cut", reason)
    return now, TrialOutcome("failed", f"{reason}, {times} times without a report in between", "error")


def words(ended: TrialOutcome, best: Best | None, metric: str) -> str:
    """The line of an ended trial."""
    value = "" if best is None else f"  best {metric} {best.value:.4f} at interval {best.interval}"
    kind = f" ({ended.failure})" if ended.failure else ""
    reason = "" if ended.status == "completed" else f": {ended.reason}"
    return f"{ended.status}{kind}{reason}{value}"


def _died(gone: TrialExit) -> TrialOutcome:
    reason = f"its process was {gone.died}"
    if gone.died == "killed by SIGBUS":  # a mapped file whose disk is full or gone
        return TrialOutcome("cut", f"{reason}: a disk or a network folder failed it", stops_study=True)
    if gone.by == "memory":
        return TrialOutcome("failed", f"{reason}: memory ran out", "oom")
    return TrialOutcome("cut", reason) if gone.by == "outside" else TrialOutcome("failed", reason, "error")


def _completed(result: object) -> bool:
    return isinstance(result, JobReturn) and result.status is JobStatus.COMPLETED


def _failed(error: object) -> TrialOutcome:
    if isinstance(error, Interrupted):
        return TrialOutcome("cut", "interrupted from outside")
    if isinstance(error, BaseException) and (fault := machine_error(error)) is not None:
        return TrialOutcome("cut", _first_line(fault), stops_study=True)
    if isinstance(error, RunError):
        return TrialOutcome("failed", _first_line(error), error.kind)
    if isinstance(error, MemoryError):
        return TrialOutcome("failed", f"out of memory: {_first_line(error)}", "oom")
    if isinstance(error, RequestError):
        return TrialOutcome("failed", f"its config was refused: {'; '.join(str(error).splitlines())}", "error")
    return TrialOutcome("failed", f"{type(error).__name__}: {_first_line(error)}", "error")


def _first_line(error: Any) -> str:
    return (str(error).splitlines() or [""])[0]
