"""A storage that is lost while a study runs: its server ended, or the network to it.

It is a fault of the machine: nothing counts as failed, trials are interrupted, and the same command resumes the study.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from lab.core.machine_faults import MachineError, causes, machine_error
from lab.core.masking import masked


@contextmanager
def storage_faults() -> Iterator[None]:
    """Raise an error inside the block by which a storage shows that it is lost as MachineError."""
    try:
        yield
    except Exception as error:
        lost = lost_storage(error)
        if lost is None:
            raise
        raise lost from error


def lost_storage(error: BaseException) -> MachineError | None:
    """Return the fault that an error or one of its causes shows; None if it is no such fault."""
    if machine_error(error) is not None:  # as a full disk below SQLite, whose message says what to wait for
        return None
    for cause in causes(error):
        if _shows_loss(cause):
            first = (str(getattr(cause, "orig", None) or _details(cause) or cause).splitlines() or [""])[0]
            problem = f"the study's storage (sweep.storage) is lost: {masked(first)}"
            return MachineError(f"{problem}; resume once it can be reached again")
    return None


def _shows_loss(error: BaseException) -> bool:
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

    if isinstance(error, (StorageInternalError, OperationalError, InterfaceError)):
        return True
    if isinstance(error, DBAPIError):
        return bool(error.connection_invalidated)
    return _code(error) in ("UNAVAILABLE", "DEADLINE_EXCEEDED", "UNKNOWN", "INTERNAL")


def _code(error: BaseException) -> str | None:
    """Return the status of a call to a gRPC proxy; UNKNOWN is that of a server whose database failed."""
    code = getattr(error, "code", None)
    name = getattr(code(), "name", None) if type(error).__module__.startswith("grpc") and callable(code) else None
    return name if isinstance(name, str) else None


def _details(error: BaseException) -> str | None:
    return str(error.details()) if _code(error) is not None else None  # type: ignore[attr-defined]
