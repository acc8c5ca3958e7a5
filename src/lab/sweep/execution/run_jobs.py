"""Runs a fixed list of jobs through a pool. A slot is filled again as soon as its job ends, and each end is logged.

A study (`study/loop.py`) and its confirmation (`study/confirmation.py`) have loops of their own: a list of jobs has
neither reports nor jobs to resume, a confirmation knows its runs in advance, and a study asks Optuna for each trial.
The three share one line only, `pool.wait()`.
"""

import logging
import time
from collections.abc import Callable, Sequence
from typing import TypeGuard

from hydra.core.utils import JobReturn, JobStatus

from lab.core.errors import RequestError, RunError
from lab.core.machine_faults import MachineError
from lab.sweep.execution.job import Job, failed_return, return_value
from lab.sweep.execution.messages import TrialExit, TrialMessage
from lab.sweep.execution.process_pool import Pool

log = logging.getLogger(__name__)


def run_jobs(
    pool: Pool, jobs: Sequence[Job], timeout_s: float | None, describe: Callable[[Job], str]
) -> Sequence[JobReturn]:
    """Run the jobs and return their results in order; the pool is closed in every case.

    timeout_s: of each job; describe: the words for a job in its log line. After a fault of the machine, or with more
    folds than rows, no further job starts: each would fail in the same way. Raises the RequestError about the folds if
    every job ended by one; it is logged once.
    """
    waiting, returns, logged = list(jobs), dict[int, JobReturn](), set[str]()
    by_number, began = {job.number: job for job in jobs}, dict[int, float]()
    try:
        while len(returns) < len(jobs):
            while waiting and pool.free():
                job = waiting.pop(0)
                began[job.number] = time.monotonic()
                pool.start(job.number, job, timeout_s)
            for event in pool.wait():
                if isinstance(event, TrialMessage):
                    pool.answer(event.number, None)
                    continue
                job = by_number[event.number]
                returns[job.number] = result = _return_of(event, job)
                seconds, fault = time.monotonic() - began[job.number], return_value(result)
                if not _is_about_folds(fault):
                    log.info("#%d %s  %.0f s  %s", job.number, _end_of(result), seconds, describe(job))
                elif not waiting and str(fault) not in logged:
                    log.error("#%d failed: %s", job.number, fault)
                logged.add(str(fault))
                if waiting and (_is_about_folds(fault) or isinstance(fault, MachineError)):
                    log.error("%d jobs are not started: %s", len(waiting), fault)
                    returns |= {other.number: failed_return(other, fault) for other in waiting}
                    waiting.clear()
    finally:
        pool.close()
    results = [returns[job.number] for job in jobs]
    faults = [return_value(result) for result in results]
    if _is_about_folds(faults[0]) and all(map(_is_about_folds, faults)):
        raise faults[0]
    return results


def _return_of(event: TrialExit, job: Job) -> JobReturn:
    """Return the result for Hydra, also of a process that died."""
    if isinstance(event.result, JobReturn):
        return event.result
    problem = f"the job's process was {event.died}" if event.died else "the job gave no result"
    return failed_return(job, RunError(problem))


def _is_about_folds(fault: object) -> TypeGuard[RequestError]:
    """Return whether the rows cannot fill the folds, which holds for the other folds too."""
    return isinstance(fault, RequestError) and any(mistake.key == "data.split.folds" for mistake in fault.mistakes)


def _end_of(result: JobReturn) -> str:
    """Return how a job ended, for its log line."""
    if result.status is JobStatus.COMPLETED:
        value = result._return_value
        return f"done {value:.4f}" if isinstance(value, float) else "done"
    lines = str(result._return_value).splitlines() or ["without a message"]
    return f"failed: {lines[0]}"
