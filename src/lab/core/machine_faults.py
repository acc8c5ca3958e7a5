"""Faults of the machine, not of the request: a full disk, a network folder that is lost, a GPU that is gone.

They end a command with one line, and fail nothing: a run is interrupted and a trial goes back to the queue, for every
other one would meet the same. An error is known by its number; torch, SQLite, tokenizers and loader processes hand on
its text alone.
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
"""What a person waits for, by the system's error number."""
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
    """A fault of the machine ended a run; the message says when it can go on."""


class MachineRefusal(RequestError):
    """This machine cannot meet a request that is right: it has no GPU, or no room for what is to be written."""


def machine_error(error: BaseException) -> MachineError | None:
    """`error` as a fault of the machine; None where it is none."""
    if isinstance(error, MachineError):
        return error
    if isinstance(error, MachineRefusal):
        return MachineError("; ".join(str(error).splitlines()))
    for one in _chain(error):
        if (until := _awaited(one)) is not None:
            return MachineError(f"{_first_line(one)}; it can go on once {until}")
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and those that it came of, as a traceback would show them."""
    one: BaseException | None = error
    seen: list[BaseException] = []
    while one is not None and one not in seen:
        seen.append(one)
        yield one
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)


def _awaited(error: BaseException) -> str | None:
    if isinstance(error, OSError) and error.errno is not None:
        return NUMBERS.get(error.errno)
    if not isinstance(error, Exception):
        return None
    text = str(error)
    for found in _NUMBER.finditer(text):
        if (number := int(found[1] or found[2])) in NUMBERS:
            return NUMBERS[number]
    return next((until for words, until in TEXTS.items() if words in text), None)


def _first_line(error: BaseException) -> str:
    """Of a loader process's error, whose text is a whole traceback, the last line."""
    lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return (lines[-1] if "Original Traceback" in str(error) else lines[0]).strip()
