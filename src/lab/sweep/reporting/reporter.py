"""Both ends of a trial's reports: (interval, value) goes to the controller, keep or a reason to end comes back.

A report is one message through the trial's own pipe, so its cost does not grow with the study. A process that no
controller started has no reporter.
"""

from dataclasses import dataclass
from multiprocessing.connection import Connection

TICKET = "LAB_TRIAL"
"""The environment variable that names the ticket of a trial which another launcher runs."""


@dataclass(frozen=True)
class Report:
    """One validation of a trial. interval: counted from 1, over resumes too; epoch: 0-based."""

    interval: int
    value: float
    epoch: int
    num_epochs: int

    @property
    def share(self) -> float:
        """Of the trial's epochs that are done."""
        return (self.epoch + 1) / max(1, self.num_epochs)


@dataclass(frozen=True)
class UnloggedMetric:
    """The objective is not among the metrics of a validation: no trial of this sweep can go on."""

    metric: str
    logged: tuple[str, ...]


@dataclass(frozen=True)
class StoredReports:
    """What a trial that runs elsewhere has put into the study's storage: values and epochs by interval, and why it
    ended early, if it did."""

    reports: dict[int, float]
    epochs: dict[int, int]
    told: str | None


class Reporter:
    """The trial's end of the pipe."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def report(self, report: Report) -> str | None:
        """None to keep going, else why this trial ends. Raises KeyboardInterrupt when the controller is gone: the
        trial was cut, and goes on with the study."""
        answer = self._ask(report)
        return str(answer) if answer is not None else None

    def unlogged(self, metric: str, logged: tuple[str, ...]) -> None:
        self._ask(UnloggedMetric(metric, logged))

    def _ask(self, message: object) -> object:
        try:
            self.connection.send(("said", message))
            answer: object = self.connection.recv()
        except (EOFError, OSError) as error:
            raise KeyboardInterrupt("the sweep's controller is gone") from error
        return answer
