"""Faults of the machine, not of the request: a full disk, a network folder that is lost, a GPU that is gone.

They end a command with one line, and nothing counts as failed: a run is interrupted and a trial returns to the queue,
since every other trial would meet the same fault. An error is recognised by its number, or by its text where torch,
SQLite, tokenizers and loader processes pass on nothing else.
"""

import errno
import re
from collections.abc import Iterator

from lab.core.errors import RequestError, RunError

ROOM, FOLDER, GPU = "there is room again", "the folder can be reached again", "the GPU is there again"
NUMBERS = {
    errno.ENOSPC: ROOM, errno.EDQUOT: ROOM, errno.EIO: FOLDER, errno.ESTALE: FOLDER, errno.ENOTCONN: FOLDER,
    errno.EREMOTEIO: FOLDER, errno.EHOSTDOWN: FOLDER, errno.ENODEV: FOLDER,
}  # fmt: skip
"""The condition to wait for, by the system's error number."""
TEXTS = {
    "No space left on device": ROOM,
    "Disk quota exceeded": ROOM,
    "database or disk is full": ROOM,
    "disk I/O error": FOLDER,
    "Stale file handle": FOLDER,
    "Transport endpoint is not connected": FOLDER,
    "No CUDA GPUs are available": GPU,
    "no CUDA-capable device is detected": GPU,
    "CUDA driver initialization failed": GPU,
    "CUDA-capable device(s) is/are busy or unavailable": GPU,
    "uncorrectable ECC error": GPU,
    "GPU is lost": GPU,
}
_NUMBER = re.compile(r"\[Errno (\d+)\]|\(os error (\d+)\)")


class MachineError(RunError):
    """A fault of the machine ended a run; the message says when it can be resumed."""


class MachineRefusal(RequestError):
    """This machine cannot carry out a correct request: it has no GPU, or no room on its disk."""


def machine_error(error: BaseException) -> MachineError | None:
    """Return `error` as a fault of the machine, or None if it is no such fault."""
    if isinstance(error, MachineError):
        return error
    if isinstance(error, MachineRefusal):
        return MachineError("; ".join(str(error).splitlines()))
    for cause in causes(error):
        if (until := _awaited(cause)) is not None:
            return MachineError(f"{_first_line(cause)}; resume once {until}")
    return None


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and its causes, as a traceback would show them."""
    cause: BaseException | None = error
    seen: list[BaseException] = []
    while cause is not None and cause not in seen:
        seen.append(cause)
        yield cause
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)


def _awaited(error: BaseException) -> str | None:
    if isinstance(error, OSError) and error.errno is not None:
        return NUMBERS.get(error.errno)
    if not isinstance(error, Exception):
        return None
    text = str(error)
    for match in _NUMBER.finditer(text):
        if (number := int(match[1] or match[2])) in NUMBERS:
            return NUMBERS[number]
    return next((until for words, until in TEXTS.items() if words in text), None)


def _first_line(error: BaseException) -> str:
    """Return the first line of an error; the last line of a loader process's error, whose text is a traceback."""
    lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return (lines[-1] if "Original Traceback" in str(error) else lines[0]).strip()
