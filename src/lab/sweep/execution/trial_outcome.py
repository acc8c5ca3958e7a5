"""How a trial ended: from its messages, result and cause of death to a state, a status and a reason in words.

A trial is interrupted by what comes from outside: a SIGKILL, a SIGTERM, a killed warm server, the end of the sweep, or
a fault of the machine (`lab.core.machine_faults`), which ends the study's command too. It resumes from its last
checkpoint. What a trial does itself is a recorded failure: an exception, NaN, out of memory (also when the kernel
killed it), an exit, a crash, its time limit. After `MAX_INTERRUPTIONS` in a row without a report in between it fails.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from hydra.core.utils import JobReturn, JobStatus

from lab.core.errors import FailureKind, RequestError, RunError
from lab.core.machine_faults import machine_error
from lab.early_termination.policies.base import Goal
from lab.sweep.execution.job import Interrupted, return_value
from lab.sweep.execution.messages import TrialExit

MAX_INTERRUPTIONS = 3
TrialStatus = Literal["completed", "terminated", "failed", "interrupted"]


@dataclass(frozen=True)
class BestReport:
    """The best value that a trial reported, with its interval (from 1) and its epoch (0-based)."""

    value: float
    interval: int
    epoch: int | None


@dataclass(frozen=True)
class TrialOutcome:
    """How a trial ended; an interrupted one runs again, from its last checkpoint."""

    status: TrialStatus
    reason: str
    failure: FailureKind | None = None
    stops_study: bool = False
    """Whether a fault of the machine interrupted the trial: every other trial would be interrupted too."""


@dataclass(frozen=True)
class Interruptions:
    """How often a trial was interrupted in a row, each time after `num_reports` reports."""

    times: int = 0
    num_reports: int = 0


def best_report(reports: Mapping[int, float], epochs: Mapping[int, int], goal: Goal) -> BestReport | None:
    """Return the best finite report, the earliest of equal ones; None without any."""
    sign = 1.0 if goal == "maximize" else -1.0
    finite = [(sign * value, -interval) for interval, value in reports.items() if math.isfinite(value)]
    if not finite:
        return None
    value, interval = max(finite)
    return BestReport(sign * value, -interval, epochs.get(-interval))


def outcome_of_exit(event: TrialExit, reason: str | None, has_value: bool, timeout_s: float | None) -> TrialOutcome:
    """Return how a trial ended.

    reason: why a policy ended it, if one did; has_value: whether it reported a finite value; timeout_s: its limit.
    """
    if event.requested == "stop" and not _completed(event.result):
        return TrialOutcome("interrupted", "stopped with the sweep")
    if event.requested == "timeout" and not _completed(event.result):
        return TrialOutcome("failed", f"took longer than {timeout_s:g} s (trial_timeout)", "timeout")
    if not isinstance(event.result, JobReturn):
        return _died(event)
    if event.result.status is JobStatus.FAILED:
        return _failed(return_value(event.result))
    return outcome_of_finished_run(reason, has_value)


def outcome_of_finished_run(reason: str | None, has_value: bool) -> TrialOutcome:
    """Return the outcome of a run that did all its work; arguments as in `outcome_of_exit`."""
    if not has_value:
        return TrialOutcome("failed", "no epoch gave a finite value of the objective", "nan")
    return TrialOutcome("terminated", reason) if reason is not None else TrialOutcome("completed", "ran to its end")


def after_interruption(before: Interruptions, num_reports: int, reason: str) -> tuple[Interruptions, TrialOutcome]:
    """Count one more interruption after `num_reports` reports; the trial runs again, or has failed."""
    times = before.times + 1 if before.num_reports == num_reports else 1
    now = Interruptions(times, num_reports)
    if times < MAX_INTERRUPTIONS:
        return now, TrialOutcome("interrupted", reason)
    return now, TrialOutcome("failed", f"{reason}, {times} times without a report in between", "error")


def outcome_line(ended: TrialOutcome, best: BestReport | None, metric: str) -> str:
    """Return the log line of an ended trial."""
    value = "" if best is None else f"  best {metric} {best.value:.4f} at interval {best.interval}"
    kind = f" ({ended.failure})" if ended.failure else ""
    reason = "" if ended.status == "completed" else f": {ended.reason}"
    return f"{ended.status}{kind}{reason}{value}"


def _died(event: TrialExit) -> TrialOutcome:
    reason = f"its process was {event.died}"
    if event.died == "killed by SIGBUS":  # a mapped file whose disk is full or gone
        return TrialOutcome("interrupted", f"{reason}: a disk or a network folder failed", stops_study=True)
    if event.by == "memory":
        return TrialOutcome("failed", f"{reason}: memory ran out", "oom")
    if event.by == "outside":
        return TrialOutcome("interrupted", reason)
    return TrialOutcome("failed", reason, "error")


def _completed(result: object) -> bool:
    return isinstance(result, JobReturn) and result.status is JobStatus.COMPLETED


def _failed(error: object) -> TrialOutcome:
    if isinstance(error, Interrupted):
        return TrialOutcome("interrupted", "interrupted from outside")
    if isinstance(error, BaseException) and (fault := machine_error(error)) is not None:
        return TrialOutcome("interrupted", _first_line(fault), stops_study=True)
    if isinstance(error, RunError):
        return TrialOutcome("failed", _first_line(error), error.kind)
    if isinstance(error, MemoryError):
        return TrialOutcome("failed", f"out of memory: {_first_line(error)}", "oom")
    if isinstance(error, RequestError):
        return TrialOutcome("failed", f"its config was refused: {'; '.join(str(error).splitlines())}", "error")
    return TrialOutcome("failed", f"{type(error).__name__}: {_first_line(error)}", "error")


def _first_line(error: object) -> str:
    return (str(error).splitlines() or [""])[0]
