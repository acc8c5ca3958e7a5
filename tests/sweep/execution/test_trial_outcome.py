"""The outcome of a trial: interrupted from outside and run again, or failed by itself and recorded."""

import pickle
from typing import Any

import pytest

from lab.core.errors import Mistake, RequestError, RunError
from lab.core.machine_faults import MachineRefusal
from lab.sweep.execution.job import Interrupted, Job, failed_return
from lab.sweep.execution.messages import TrialExit
from lab.sweep.execution.trial_outcome import (
    MAX_INTERRUPTIONS,
    BestReport,
    Interruptions,
    TrialOutcome,
    after_interruption,
    best_report,
    outcome_line,
    outcome_of_exit,
)


def raised(error: BaseException, **event: Any) -> TrialExit:
    travelled = pickle.loads(pickle.dumps(failed_return(Job(0, []), error)))
    return TrialExit(0, travelled, None, event.get("requested"))


@pytest.mark.parametrize(
    ("gone", "status", "failure", "says"),
    [
        (
            TrialExit(0, None, "killed by SIGKILL", None, "outside"),
            "interrupted",
            None,
            "its process was killed by SIGKILL",
        ),
        (TrialExit(0, None, "killed with its server", None, "outside"), "interrupted", None, "with its server"),
        (TrialExit(0, None, "killed by SIGKILL", None, "memory"), "failed", "oom", "memory ran out"),
        (TrialExit(0, None, "killed by SIGSEGV", None), "failed", "error", "SIGSEGV"),
        (TrialExit(0, None, "ended with exit code 7 and no result", None), "failed", "error", "exit code 7"),
        (TrialExit(0, None, "killed by SIGKILL", "timeout", "outside"), "failed", "timeout", "took longer than 9 s"),
        (TrialExit(0, None, "killed by SIGKILL", "stop", "outside"), "interrupted", None, "stopped with the sweep"),
        (raised(Interrupted("interrupted")), "interrupted", None, "interrupted from outside"),
        (raised(RunError("interrupted by a bug")), "failed", "error", "interrupted by a bug"),
        (raised(RunError("the loss is not finite", "nan")), "failed", "nan", "the loss is not finite"),
        (raised(MemoryError("17 GiB")), "failed", "oom", "out of memory: 17 GiB"),
        (raised(OSError(27, "File too large")), "failed", "error", "OSError: [Errno 27] File too large"),
        (
            raised(OSError(28, "No space left on device")),
            "interrupted",
            None,
            "[Errno 28] No space left on device; resume",
        ),
        (raised(MachineRefusal(Mistake("a", "torch sees no GPU"))), "interrupted", None, "a: torch sees no GPU"),
        (TrialExit(0, None, "killed by SIGBUS", None), "interrupted", None, "a disk or a network folder failed"),
        (raised(RequestError(Mistake("a.b", "is wrong"))), "failed", "error", "its config was refused: a.b: is wrong"),
        (raised(RunError("over", "timeout"), requested="timeout"), "failed", "timeout", "trial_timeout"),
    ],
)
def test_the_outcome_of_every_exit(
    gone: TrialExit, status: str, failure: str | None, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = outcome_of_exit(gone, None, True, 9)
    assert (ended.status, ended.failure) == (status, failure)
    assert says in ended.reason
    assert capsys.readouterr().err == ""


def test_repeated_kills_without_a_report_are_a_failure() -> None:
    cuts, ends = Interruptions(), []
    for _ in range(MAX_INTERRUPTIONS):
        cuts, ended = after_interruption(cuts, 2, "its process was killed by SIGKILL")
        ends.append(ended.status)
    assert ends == ["interrupted"] * (MAX_INTERRUPTIONS - 1) + ["failed"]
    assert f"killed by SIGKILL, {MAX_INTERRUPTIONS} times without a report" in ended.reason


def test_a_trial_that_progresses_may_be_interrupted_any_number_of_times() -> None:
    cuts = Interruptions()
    for num_reports in range(20):
        cuts, ended = after_interruption(cuts, num_reports, "killed")
        assert ended.status == "interrupted"


def test_the_best_finite_report_counts_the_earliest_of_equals() -> None:
    reports, epochs = {1: 0.2, 2: float("nan"), 3: 0.5, 4: 0.5, 5: float("inf")}, {1: 0, 3: 2, 4: 3}
    assert best_report(reports, epochs, "maximize") == BestReport(0.5, 3, 2)
    assert best_report(reports, epochs, "minimize") == BestReport(0.2, 1, 0)
    assert best_report({1: float("nan")}, {}, "maximize") is None


def test_the_line_of_an_ended_trial() -> None:
    best = BestReport(0.5, 3, 2)
    assert (
        outcome_line(TrialOutcome("completed", "all"), best, "val/f1") == "completed  best val/f1 0.5000 at interval 3"
    )
    assert outcome_line(TrialOutcome("failed", "out of memory", "oom"), None, "val/f1") == "failed (oom): out of memory"
