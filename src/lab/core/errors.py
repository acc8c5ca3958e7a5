"""Errors in words that a person can act on, and their exit codes.

A `RequestError` means the request was wrong (config, data, missing package): exit 2, no stack trace, all mistakes at
once. A `RunError` means a sound request failed while running: exit 1, with the kind that the run record keeps.
"""

import difflib
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lab.core.hydra_quoting import quoted
from lab.core.masking import masked

EXIT_DONE, EXIT_FAILED, EXIT_REQUEST, EXIT_PARTLY, EXIT_INTERRUPTED = 0, 1, 2, 3, 130
GARBLED = (LookupError, TypeError, AttributeError, struct.error)
"""Errors of torch's weights-only reader for bytes that only look like a pickle; it also raises errors of its own."""

FailureKind = Literal["oom", "nan", "timeout", "error"]


@dataclass(frozen=True)
class Mistake:
    """One thing wrong with a request.

    key: dotted config key (`data.path`), or "" if the mistake belongs to no key; value: the given value; problem: the
    reason why it is wrong, with the allowed values; remedy: what to type instead.
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
    """The request was wrong. It has every mistake, so that a person can correct all of them at once."""

    def __init__(self, mistakes: Mistake | Iterable[Mistake]) -> None:
        self.mistakes: tuple[Mistake, ...] = (mistakes,) if isinstance(mistakes, Mistake) else tuple(mistakes)
        assert self.mistakes, "a RequestError without a mistake"
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))

    def __reduce__(self) -> tuple[type["RequestError"], tuple[tuple[Mistake, ...]]]:
        """Pickle the mistakes, which a trial's process sends to its controller; by default only the text is pickled."""
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
    """Return all mistakes of a request as one block of text for the terminal."""
    count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    return masked("\n".join([f"This request has {count}:", *(f"  {mistake}" for mistake in mistakes)]))


def nearest(word: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed word that is most similar to `word`, or None if none is similar."""
    close = difflib.get_close_matches(word, list(allowed), n=1, cutoff=0.6)
    return close[0] if close else None


def missing_file(key: str, path: Path, fits: Callable[[Path], bool], kind: str) -> Mistake | None:
    """Return the mistake of a path that is no file, or None for a file. The remedy names a file that is there.

    key: config key that names the path; fits: whether a file of this name could be meant, by its ending; kind: what
    such files are, in words. A folder is answered with a file in it; any other name with the file of the most similar
    name beside it, whatever the ending, or with the one of that name in the working folder.
    """
    if path.is_file():
        return None
    folder = path if path.is_dir() else path.parent
    files = (
        sorted(other.name for other in folder.iterdir() if fits(other) and other.is_file()) if folder.is_dir() else []
    )
    if path.is_dir():
        problem = "is a folder, not a file"
    elif path.exists():
        problem = "is not a file"
    elif not folder.is_dir():
        problem, here = "no such folder", Path(path.name)
        return Mistake(key, problem, quoted(key, here) if fits(here) and here.is_file() else "", path)
    else:
        problem = f"no such file; {folder} has {listed(files) or f'no {kind}'}"
    likeness = {name: _likeness(path.name, name) for name in files}
    return Mistake(key, problem, quoted(key, folder / max(files, key=likeness.__getitem__)) if files else "", path)


def _likeness(name: str, other: str) -> tuple[float, float]:
    """Similarity of two names of files from 0 to 1: without their endings, which are nearly all alike, then whole."""
    stems = name.partition(".")[0].lower(), other.partition(".")[0].lower()
    return difflib.SequenceMatcher(None, *stems).ratio(), difflib.SequenceMatcher(None, name, other).ratio()


def listed(words: Sequence[str], limit: int = 12) -> str:
    """Return `a, b, c`, with the number of words beyond the limit."""
    rest = len(words) - limit
    return ", ".join(words[:limit]) + (f" and {rest} more" if rest > 0 else "")


def leave_out(override: str) -> str:
    """Return the remedy that removes an override: it names the key, or all of an override that begins with + or ~."""
    return f"leave out {override if override.startswith(('+', '~')) else override.partition('=')[0]}"


def _shown(value: object, limit: int = 80) -> str:
    """Return a value as it is typed; of a long one both ends, since the last part of a path identifies it."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    half = (limit - 3) // 2
    return text if len(text) <= limit else f"{text[:half]}...{text[-half:]}"
