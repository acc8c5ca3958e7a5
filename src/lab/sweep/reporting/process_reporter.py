"""The reporter of this process, where it runs a trial: through a pipe, or through the study's storage."""

import os
from multiprocessing.connection import Connection

from lab.sweep.reporting.reporter import TICKET, Reporter

_current: Reporter | None = None


def connect(connection: Connection) -> None:
    """Called once in a trial's process, before its work."""
    global _current
    _current = Reporter(connection)


def connected() -> Reporter | None:
    """The reporter of this process, None where no controller listens."""
    if TICKET not in os.environ:
        return _current
    from lab.sweep.reporting.storage_reporter import StorageReporter, ticket

    mine = ticket()
    return StorageReporter(mine) if mine.study is not None else None


def trial_number(job: int) -> int:
    """The number of this process's trial, where another launcher counts its jobs anew in each batch; else the job's."""
    if TICKET not in os.environ:
        return job
    from lab.sweep.reporting.storage_reporter import ticket

    return ticket().number
