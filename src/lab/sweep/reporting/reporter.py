"""A trial's reports: (interval, value) goes to the controller, which answers None to keep it or a reason to end it.

A report is one message through the trial's own pipe, so its cost does not grow with the study. A process that no
controller started has no reporter.
"""

from dataclasses import dataclass
from multiprocessing.connection import Connection

TICKET = "LAB_TRIAL"
"""The environment variable with the path of a trial's ticket, where another launcher runs the trial."""


@dataclass(frozen=True)
class Report:
    """One validation of a trial. interval: counted from 1, also over resumed runs; epoch: 0-based."""

    interval: int
    value: float
    epoch: int
    num_epochs: int

    @property
    def share(self) -> float:
        """The finished share of the trial's epochs, 0 to 1."""
        return (self.epoch + 1) / max(1, self.num_epochs)


@dataclass(frozen=True)
class UnloggedMetric:
    """The objective is not among the logged metrics, so no trial of this sweep can continue."""

    metric: str
    logged: tuple[str, ...]


@dataclass(frozen=True)
class StoredReports:
    """The reports that a trial of another launcher put into the study's storage: values and epochs by interval, and why
    a policy ended it, if one did."""

    reports: dict[int, float]
    epochs: dict[int, int]
    reason: str | None


class Reporter:
    """The trial's end of the pipe."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def report(self, report: Report) -> str | None:
        """Return None to continue, or why this trial ends.

        Raises KeyboardInterrupt when the controller has ended: the trial is interrupted, and resumes with the study.
        """
        answer = self._exchange(report)
        return str(answer) if answer is not None else None

    def unlogged(self, metric: str, logged: tuple[str, ...]) -> None:
        """Report that the objective `metric` is not among the logged metrics."""
        self._exchange(UnloggedMetric(metric, logged))

    def _exchange(self, message: object) -> object:
        try:
            self.connection.send(("message", message))
            answer: object = self.connection.recv()
        except (EOFError, OSError) as error:
            raise KeyboardInterrupt("the sweep's controller has ended") from error
        return answer
