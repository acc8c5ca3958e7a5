"""Both ends of a trial's reports: (interval, value) goes to the controller, keep or a reason to end comes back.

A report is one message through the trial's own pipe, so its cost does not grow with the study. A process that no
controller started has no reporter.
"""

from dataclasses import dataclass
from multiprocessing.connection import Connection

from lab.errors import RunError


@dataclass(frozen=True)
class Report:
    """One validation of a trial. interval: counted from 1, over resumes too; epoch: 0-based."""

    interval: int
    value: float
    epoch: int
    num_epochs: int


@dataclass(frozen=True)
class Unlogged:
    """The objective is not among the metrics of a validation: no trial of this sweep can go on."""

    metric: str
    logged: tuple[str, ...]


class Reporter:
    """The trial's end of the pipe."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def report(self, report: Report) -> str | None:
        """None to keep going, else why this trial ends. Raises RunError when the controller is gone."""
        answer = self._ask(report)
        return str(answer) if answer is not None else None

    def unlogged(self, metric: str, logged: tuple[str, ...]) -> None:
        self._ask(Unlogged(metric, logged))

    def _ask(self, message: object) -> object:
        try:
            self.connection.send(("said", message))
            answer: object = self.connection.recv()
        except (EOFError, OSError) as error:
            raise RunError("the sweep's controller is gone") from error
        return answer


_current: Reporter | None = None


def connect(connection: Connection) -> None:
    """Called once in a trial's process, before its work."""
    global _current
    _current = Reporter(connection)


def connected() -> Reporter | None:
    """The reporter of this process, None where no controller listens."""
    return _current
