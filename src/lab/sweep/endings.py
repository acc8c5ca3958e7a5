"""How a trial ended: from what its process said, gave back and died of, to a state, a status and a reason in words."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hydra.core.utils import JobReturn, JobStatus

from lab.errors import FailureKind, RequestError, RunError
from lab.policies import Goal
from lab.sweep.processes import Gone

Status = Literal["completed", "terminated", "failed", "cut"]


@dataclass(frozen=True)
class Best:
    """Best value a trial reported, with the interval and the epoch (0-based) of it."""

    value: float
    interval: int
    epoch: int | None


@dataclass(frozen=True)
class Ending:
    """status `cut`: it is to be run again, from its last checkpoint."""

    status: Status
    reason: str
    failure: FailureKind | None = None


def best_of(reports: Mapping[int, float], epochs: Mapping[int, int], goal: Goal) -> Best | None:
    """The best finite report, the earliest of equals; None where there is none."""
    sign = 1.0 if goal == "maximize" else -1.0
    finite = [(sign * value, -interval) for interval, value in reports.items() if math.isfinite(value)]
    if not finite:
        return None
    value, interval = max(finite)
    return Best(sign * value, -interval, epochs.get(-interval))


def ending(gone: Gone, told: str | None, has_value: bool, timeout_s: float | None) -> Ending:
    """told: why a policy ended it, None where none did; has_value: whether it has a finite value."""
    if gone.asked == "stop" and not _completed(gone.result):
        return Ending("cut", "stopped with the sweep")
    if gone.asked == "timeout" and not _completed(gone.result):
        return Ending("failed", f"took longer than {timeout_s:g} s (trial_timeout)", "timeout")
    if not isinstance(gone.result, JobReturn):
        return Ending("failed", f"its process was {gone.died}", "error")
    if gone.result.status is JobStatus.FAILED:
        return _failed(gone.result._return_value)
    if not has_value:
        return Ending("failed", "no epoch gave a finite value of the objective", "nan")
    return Ending("terminated", told) if told is not None else Ending("completed", "came to its own end")


def _completed(result: object) -> bool:
    return isinstance(result, JobReturn) and result.status is JobStatus.COMPLETED


def _failed(error: object) -> Ending:
    if isinstance(error, RunError):
        if str(error).startswith("interrupted"):
            return Ending("cut", "interrupted from outside")
        return Ending("failed", _first_line(error), error.kind)
    if isinstance(error, MemoryError):
        return Ending("failed", f"out of memory: {_first_line(error)}", "oom")
    if isinstance(error, RequestError):
        return Ending("failed", f"its config was refused: {'; '.join(str(error).splitlines())}", "error")
    return Ending("failed", f"{type(error).__name__}: {_first_line(error)}", "error")


def _first_line(error: Any) -> str:
    return (str(error).splitlines() or [""])[0]
