"""A list of jobs through a pool: a slot is filled again the moment its job ends, and one line is told per end."""

import logging
import time
from collections.abc import Callable, Sequence

from hydra.core.utils import JobReturn, JobStatus

from lab.core.errors import RunError
from lab.core.machine_faults import MachineError
from lab.sweep.execution.job import Job, failed, outcome
from lab.sweep.execution.messages import TrialExit, TrialMessage
from lab.sweep.execution.process_pool import Pool

log = logging.getLogger(__name__)


def run_all(
    pool: Pool, jobs: Sequence[Job], timeout_s: float | None, shown: Callable[[Job], str]
) -> Sequence[JobReturn]:
    """The jobs' returns in their order; the pool is closed, whatever happens.

    After a fault of the machine none is started any more: each would meet the same.
    """
    waiting, returns = list(jobs), dict[int, JobReturn]()
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
                else:
                    job = by_number[event.number]
                    returns[job.number] = returned(event, job)
                    seconds = time.monotonic() - began[job.number]
                    log.info("#%d %s  %.0f s  %s", job.number, _end(returns[job.number]), seconds, shown(job))
                    if isinstance(fault := outcome(returns[job.number]), MachineError) and waiting:
                        log.error("%d jobs are not started: %s", len(waiting), fault)
                        returns |= {one.number: failed(one, fault) for one in waiting}
                        waiting.clear()
    finally:
        pool.close()
    return [returns[job.number] for job in jobs]


def returned(event: TrialExit, job: Job) -> JobReturn:
    """What Hydra is given for a job whose process has ended, however it did."""
    if isinstance(event.result, JobReturn):
        return event.result
    return failed(job, RunError(f"the job's process was {event.died}" if event.died else "the job gave no result"))


def _end(done: JobReturn) -> str:
    if done.status is JobStatus.COMPLETED:
        value = done._return_value
        return f"done {value:.4f}" if isinstance(value, float) else "done"
    return f"failed: {str(done._return_value).splitlines()[0] if str(done._return_value) else 'without a word'}"
