"""What went wrong, in words a person can act on, and the exit code that goes with it.

A `RequestError` means the request was wrong (config, data, missing package): exit 2, no stack trace, all mistakes at
once. A `RunError` means a sound request failed while running: exit 1, with the kind that the run record keeps.
"""

import difflib
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from lab.core.masking import masked

EXIT_DONE, EXIT_FAILED, EXIT_REQUEST, EXIT_INTERRUPTED = 0, 1, 2, 130
GARBLED = (LookupError, TypeError, AttributeError, struct.error)
"""What torch's weights-only reader raises, beside its own errors, for bytes that only look like a pickle."""

FailureKind = Literal["oom", "nan", "timeout", "error"]


@dataclass(frozen=True)
class Mistake:
    """One thing wrong with a request.

    key: dotted config key (`data.path`) or "" when none is to blame; value: what was given; problem: what is wrong with
    it, naming what is allowed; remedy: what to type instead.
    """

    key: str
    problem: str
    remedy: str = ""
    value: object = None

    def __str__(self) -> str:
        shown = f"{self.key}={_shown(self.value)}: " if self.key and self.value is not None else ""
        head = shown or (f"{self.key}: " if self.key else "")
        return f"{head}{self.problem}" + (f"\n    try: {self.remedy}" if self.remedy else "")


class RequestError(ValueError):
    """The request was wrong. Carries every mistake found, so that a person mends them all in one go."""

    def __init__(self, mistakes: Mistake | Iterable[Mistake]) -> None:
        self.mistakes: tuple[Mistake, ...] = (mistakes,) if isinstance(mistakes, Mistake) else tuple(mistakes)
        assert self.mistakes, "a RequestError without a mistake"
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))

    def __reduce__(self) -> tuple[type["RequestError"], tuple[tuple[Mistake, ...]]]:
        """It travels home from a trial's process with its mistakes; an exception's own way keeps the text alone."""
        return type(self), (self.mistakes,)


def refuse_if_any(mistakes: Iterable[Mistake]) -> None:
    """Raise RequestError with the mistakes, if there are any."""
    if every := tuple(mistakes):
        raise RequestError(every)


class RunError(RuntimeError):
    """A sound request failed while running; `kind` goes into the run record."""

    def __init__(self, message: str, kind: FailureKind = "error") -> None:
        super().__init__(message)
        self.kind: FailureKind = kind


def in_a_block(mistakes: Sequence[Mistake]) -> str:
    """All mistakes of a request as one block for the terminal."""
    count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    return masked("\n".join([f"This request has {count}:", *(f"  {mistake}" for mistake in mistakes)]))


def nearest(word: str, allowed: Iterable[str]) -> str | None:
    """The allowed word most like `word`, or None when nothing is close."""
    close = difflib.get_close_matches(word, list(allowed), n=1, cutoff=0.6)
    return close[0] if close else None


def listed(words: Sequence[str], limit: int = 12) -> str:
    """`a, b, c` with a count of what was left out."""
    rest = len(words) - limit
    return ", ".join(words[:limit]) + (f" and {rest} more" if rest > 0 else "")


def leave_out(override: str) -> str:
    """The remedy that takes an override out of the line; it is named by its key, or as it was typed after a + or ~."""
    return f"leave out {override if override.startswith(('+', '~')) else override.partition('=')[0]}"


def _shown(value: object, limit: int = 80) -> str:
    """A long value by both its ends: the last part of a path identifies it."""
    text = str(value)
    half = (limit - 3) // 2
    return text if len(text) <= limit else f"{text[:half]}...{text[-half:]}"
