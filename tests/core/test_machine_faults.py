"""A full disk, a lost network folder and a missing GPU are known for what they are, whoever hands them on."""

import errno
import os
import pickle
import sqlite3
from collections.abc import Callable

import pytest

from lab.core.errors import Mistake, RequestError, RunError
from lab.core.machine_faults import FOLDER, GPU, ROOM, MachineError, MachineRefusal, machine_error


def raised(act: Callable[[], object]) -> BaseException:
    try:
        act()
    except BaseException as error:  # noqa: BLE001  the class under test
        return error
    raise AssertionError("nothing was raised")


def chained(cause: BaseException, error: BaseException) -> BaseException:
    def act() -> None:
        try:
            raise cause
        except BaseException as first:
            raise error from first

    return raised(act)


def full_database() -> None:
    base = sqlite3.connect(":memory:")
    base.execute("PRAGMA max_page_count=2")
    try:
        base.execute("CREATE TABLE a (b)")
        base.execute("INSERT INTO a VALUES (zeroblob(1000000))")
    finally:
        base.close()


@pytest.mark.parametrize(
    ("number", "until"),
    [(errno.ENOSPC, ROOM), (errno.EDQUOT, ROOM), (errno.ESTALE, FOLDER), (errno.EIO, FOLDER), (errno.ENOTCONN, FOLDER)],
)
def test_the_systems_error_is_known_by_its_number_and_where_only_its_text_is_left(number: int, until: str) -> None:
    error = OSError(number, os.strerror(number), "run/last.ckpt")
    worker = OSError(
        f"Caught OSError in DataLoader worker process 0.\nOriginal Traceback (most recent call last):\n{error}"
    )
    rust = Exception(f"{os.strerror(number)} (os error {number})")
    wrapped = chained(error, RequestError(Mistake("data.path", "cannot be read", "", "a.csv")))
    for one in (error, worker, rust, wrapped, RuntimeError(str(error))):
        fault = machine_error(one)
        assert fault is not None, one
        assert str(fault).endswith(f"; resume once {until}")
        assert str(fault).count("\n") == 0
    assert str(machine_error(error)).startswith(f"[Errno {number}] {os.strerror(number)}: 'run/last.ckpt'")


def test_a_full_database_and_a_gpu_that_is_gone() -> None:
    assert str(machine_error(raised(full_database))).endswith(ROOM)
    for words in ("No CUDA GPUs are available", "CUDA error: uncorrectable ECC error encountered"):
        assert str(machine_error(RuntimeError(words))).endswith(GPU)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOENT, "No such file or directory"),
        OSError(errno.EFBIG, "File too large"),
        RuntimeError("CUDA error: device-side assert triggered"),
        RuntimeError("CUDA out of memory"),
        RunError("the loss is not finite", "nan"),
        KeyError(28),
        KeyboardInterrupt("[Errno 28]"),
    ],
)
def test_what_is_the_requests_or_the_codes_own_fault_is_none(error: BaseException) -> None:
    assert machine_error(error) is None


def test_what_was_met_and_put_aside_before_is_no_cause() -> None:
    def act() -> None:
        try:
            raise OSError(errno.ENOSPC, "full")
        except OSError:
            raise RunError("another matter") from None

    assert machine_error(raised(act)) is None


def test_it_travels_between_processes() -> None:
    refusal = MachineRefusal(Mistake("trainer.accelerator", "torch sees no GPU", "trainer.accelerator=auto", "gpu"))
    for error in (refusal, MachineError("the disk is full")):
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error)
        assert str(machine_error(again)) == str(machine_error(error))
