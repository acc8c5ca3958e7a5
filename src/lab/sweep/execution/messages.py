"""What a pool of trials reports to its caller: messages of running trials, and exits of their processes."""

from dataclasses import dataclass
from typing import Any, Literal

StopRequest = Literal["stop", "timeout", "kill"]
"""The reason to end a trial: the end of the sweep, its own time limit, or SIGKILL at once."""
KilledBy = Literal["itself", "outside", "memory"]
"""What ended a process that died: its own code, a SIGKILL from outside, or the kernel when memory ran out."""


@dataclass(frozen=True)
class TrialMessage:
    """A message of a running trial, which waits for the pool's `answer`. number: of the trial."""

    number: int
    message: Any


@dataclass(frozen=True)
class TrialExit:
    """The exit of a trial's process.

    number: of the trial; result: what its work returned, None if it died before; died: how it died, in words;
    requested: the stop that was requested before, if any; by: what ended a process that died.
    """

    number: int
    result: Any
    died: str | None
    requested: StopRequest | None
    by: KilledBy = "itself"
