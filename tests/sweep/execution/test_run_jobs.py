"""A grid's jobs through a pool: results in order, slots filled again, no further job after a fault of the machine."""

from collections.abc import Iterator
from typing import Any, cast

import pytest
from hydra.core.utils import JobReturn, JobStatus

from lab.core.errors import Mistake, RequestError
from lab.core.machine_faults import MachineError
from lab.sweep.execution.job import Job, return_value
from lab.sweep.execution.messages import TrialExit
from lab.sweep.execution.process_pool import Pool
from lab.sweep.execution.run_jobs import run_jobs


class Jobs:
    """As much of a pool as a grid needs: `slots` jobs at a time, which end newest first, each as `ends` says."""

    def __init__(self, slots: int, ends: dict[int, Any]) -> None:
        self.slots, self.ends, self.running, self.started, self.closed = slots, ends, list[int](), list[int](), False

    def free(self) -> bool:
        return len(self.running) < self.slots

    def start(self, number: int, job: Job, timeout_s: float | None) -> None:
        assert timeout_s == 9
        self.running.append(number)
        self.started.append(number)

    def wait(self) -> Iterator[TrialExit]:
        assert self.running, "nothing to wait for"
        number = self.running.pop()
        end = self.ends.get(number, 0.5)
        done = JobReturn()
        if isinstance(end, Exception):
            done.status, done.return_value = JobStatus.FAILED, end
        else:
            done.status, done.return_value = JobStatus.COMPLETED, end
        died = "killed by SIGKILL" if end == "died" else None
        yield TrialExit(number, None if died else done, died, requested=None)

    def close(self) -> None:
        self.closed = True


JOBS = [Job(number, [f"seed={number}"]) for number in range(4)]


def results(ends: dict[int, Any], slots: int = 2) -> tuple[list[object], Jobs]:
    pool = Jobs(slots, ends)
    returns = run_jobs(cast(Pool, pool), JOBS, 9, lambda job: f"job {job.number}")
    assert pool.closed
    return [return_value(done) for done in returns], pool


def test_results_are_in_the_order_of_the_jobs() -> None:
    values, pool = results({1: 0.25})
    assert values == [0.5, 0.25, 0.5, 0.5]
    assert sorted(pool.started) == [0, 1, 2, 3]


def test_a_job_that_fails_or_dies_stops_no_other() -> None:
    values, pool = results({1: ValueError("odd"), 2: "died"})
    assert isinstance(values[1], ValueError)
    assert "killed by SIGKILL" in str(values[2])
    assert (values[0], values[3]) == (0.5, 0.5)
    assert len(pool.started) == 4


FEW = RequestError(Mistake("data.split.folds", "7 texts cannot fill 9 folds", "data.split.folds=7", 9))


@pytest.mark.parametrize("slots", [1, 2, 4])
def test_with_more_folds_than_rows_the_reason_is_said_once(slots: int, caplog: pytest.LogCaptureFixture) -> None:
    pool = Jobs(slots, dict.fromkeys(range(4), FEW))
    with pytest.raises(RequestError, match="7 texts cannot fill 9 folds"):
        run_jobs(cast(Pool, pool), JOBS, 9, lambda job: f"job {job.number}")
    assert len(pool.started) == slots
    assert caplog.text.count("7 texts cannot fill 9 folds") == 1
    assert pool.closed


def test_with_more_folds_than_rows_no_further_job_starts(caplog: pytest.LogCaptureFixture) -> None:
    values, pool = results({1: FEW}, slots=1)  # the folds differ between the jobs
    assert (pool.started, values) == ([0, 1], [0.5, FEW, FEW, FEW])
    assert "2 jobs are not started: data.split.folds=9: 7 texts cannot fill 9 folds" in caplog.text
    _, pool = results({0: RequestError(Mistake("optimizer.lr", "too high"))}, slots=1)
    assert len(pool.started) == 4


def test_after_a_fault_of_the_machine_no_further_job_starts(caplog: pytest.LogCaptureFixture) -> None:
    values, pool = results({0: MachineError("no space left")}, slots=1)
    assert pool.started == [0]
    assert [str(value) for value in values] == ["no space left"] * 4
    assert "3 jobs are not started: no space left" in caplog.text
