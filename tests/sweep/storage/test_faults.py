"""Errors by which a storage shows that it is lost, and those that say something else."""

import pytest
from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import IntegrityError, OperationalError

from lab.core.machine_faults import MachineError
from lab.sweep.storage.faults import lost_storage, storage_faults

REFUSED = OperationalError(
    "SELECT 1", None, Exception("connection to server at host failed: refused\n\tIs it running?")
)


class RpcError(Exception):
    """As grpc's, whose code is a method."""

    __module__ = "grpc._channel"

    def __init__(self, name: str) -> None:
        super().__init__("<long>")
        self.name = name

    def code(self) -> "RpcError":
        return self

    def details(self) -> str:
        return "failed to connect"


def test_a_refused_connection_is_named_by_its_first_line() -> None:
    fault = lost_storage(REFUSED)
    assert fault is not None
    assert str(fault) == (
        "the study's storage (sweep.storage) is lost: connection to server at host failed: refused; "
        "resume once it can be reached again"
    )


@pytest.mark.parametrize("error", [StorageInternalError("x"), RpcError("UNAVAILABLE"), RpcError("UNKNOWN")])
def test_a_loss_is_found_among_the_causes(error: Exception) -> None:
    last = RuntimeError("at the end")
    last.__context__ = error
    with pytest.raises(MachineError, match="storage"), storage_faults():
        raise last


@pytest.mark.parametrize("error", [
    ValueError("x"), IntegrityError("INSERT", None, Exception("unique")), RpcError("NOT_FOUND"),
    OperationalError("INSERT", None, Exception("database or disk is full")),
])  # fmt: skip
def test_other_errors_are_left_alone(error: Exception) -> None:
    assert lost_storage(error) is None
    with pytest.raises(type(error)), storage_faults():
        raise error
