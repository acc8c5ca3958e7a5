"""The reporter of a process that runs a trial: through a pipe, or through the study's storage."""

import os
from multiprocessing.connection import Connection

from lab.sweep.reporting.reporter import TICKET, Reporter

_current: Reporter | None = None


def connect(connection: Connection) -> None:
    """Set this process's pipe; called once in a trial's process, before its work."""
    global _current
    _current = Reporter(connection)


def connected() -> Reporter | None:
    """Return the reporter of this process; None where no sweep started it."""
    if TICKET not in os.environ:
        return _current
    from lab.sweep.reporting.storage_reporter import StorageReporter, ticket

    own = ticket()
    return StorageReporter(own) if own.study is not None else None


def has_other_attempt() -> bool:
    """Whether the study has given this process's trial to another job in the meantime."""
    if TICKET not in os.environ:
        return False
    from lab.sweep.reporting.storage_reporter import is_replaced, ticket

    return is_replaced(ticket())


def trial_number(job: int) -> int:
    """Return the number of this process's trial. job: the job's number, which other launchers restart in each batch."""
    if TICKET not in os.environ:
        return job
    from lab.sweep.reporting.storage_reporter import ticket

    return ticket().number
