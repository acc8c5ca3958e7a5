"""The unit of answer offsets in a file: usually characters; in some files bytes, UTF-16 units or other line ends.

Why: an offset in another unit is wrong by an amount that depends on the text before it and is often small, so the
nearest occurrence of the answer's text is often the wrong one. A unit that fits nearly all answers of a file is not a
coincidence and is used. Cost: one comparison per answer if characters fit all of them, else about 20 microseconds.
"""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
NEARLY_ALL = 0.95
"""A counting other than characters is used if it fits at least this share of the answers that occur in their contexts
and fits more answers than characters do."""
_CARRIAGE_RETURN, _LINE_FEED = 13, 10


def _utf_8(text: str, codes: Ints) -> Ints:  # noqa: ARG001  all units have these arguments
    return 1 + (codes > 0x7F).astype(np.int64) + (codes > 0x7FF) + (codes > 0xFFFF)


def _utf_16(text: str, codes: Ints) -> Ints:  # noqa: ARG001
    return 1 + (codes > 0xFFFF).astype(np.int64)


def _apart(text: str, codes: Ints) -> Ints:  # noqa: ARG001
    return np.fromiter((len(unicodedata.normalize("NFD", character)) for character in text), np.int64, len(text))


def _composed(text: str, codes: Ints) -> Ints:  # noqa: ARG001
    return np.fromiter((not unicodedata.combining(character) for character in text), np.int64, len(text))


def _characters(text: str, codes: Ints) -> Ints:  # noqa: ARG001
    return np.ones(len(codes), np.int64)


_UNITS: dict[str, Callable[[str, Ints], Ints]] = {
    "characters": _characters,
    "UTF-8 bytes": _utf_8,
    "UTF-16 units": _utf_16,
    "characters with their accents apart (NFD)": _apart,
    "characters with their accents in one (NFC)": _composed,
}
"""Functions of a text and its character codes that return the size of each character in a unit."""
_BREAKS = ("", "each line feed as two", "each CRLF as one")


@dataclass(frozen=True)
class Counting:
    """A way to count offsets. unit, breaks: items of the tables above; first: the number of the first place."""

    unit: str = "characters"
    breaks: str = ""
    first: int = 0

    def __str__(self) -> str:
        return ", ".join([self.unit, *filter(None, [self.breaks, "from 1" if self.first else ""])])

    def places(self, context: str, starts: Sequence[int]) -> list[int | None]:
        """Return the characters at which offsets into a context point; None for an offset inside a character or outside
        the context.

        >>> Counting("UTF-8 bytes").places("avería 1", [3, 7, 8, 5, 99])
        [3, 6, 7, None, None]
        """
        if self == CHARACTERS:
            return [start if 0 <= start < len(context) else None for start in starts]
        codes = np.frombuffer(context.encode("utf-32-le"), np.uint32).astype(np.int64)
        counts = _UNITS[self.unit](context, codes)
        feed = (codes == _LINE_FEED) & (np.roll(codes, 1) != _CARRIAGE_RETURN)
        pair = (codes == _CARRIAGE_RETURN) & (np.roll(codes, -1) == _LINE_FEED)
        counts = counts + feed * (self.breaks == _BREAKS[1]) - pair * (self.breaks == _BREAKS[2])
        offsets = np.cumsum(counts) - counts + self.first
        candidates = np.searchsorted(offsets, np.asarray(starts, np.float64), side="right") - 1
        return [
            place if place >= 0 and offsets[place] == start else None
            for place, start in zip(candidates.tolist(), starts, strict=True)
        ]


CHARACTERS = Counting()
COUNTINGS = (
    CHARACTERS,
    *(Counting(unit, breaks) for unit, breaks in product(_UNITS, _BREAKS) if (unit, breaks) != ("characters", "")),
    Counting(first=1),
)


@dataclass(frozen=True)
class FileAnswer:
    """An answer as written in a file: a text that is not blank, and its offset in the file's unit."""

    text: str
    start: int


def counting_of(contexts: Sequence[str], answers: Sequence[Sequence[FileAnswer]]) -> Counting:
    """Return the counting that fits the answers of a file. answers: those of each context.

    It is characters, unless another counting fits more answers and nearly all of those that occur in their contexts.
    """
    fits = {CHARACTERS: _fits(CHARACTERS, contexts, answers)}
    num = sum(map(len, answers))
    if fits[CHARACTERS] == num:
        return CHARACTERS
    fits |= {counting: _fits(counting, contexts, answers) for counting in COUNTINGS if counting != CHARACTERS}
    best = max(fits, key=lambda counting: fits[counting])
    num_in_context = sum(
        any(form in context for form in forms(answer.text))
        for context, of_context in zip(contexts, answers, strict=True)
        for answer in of_context
    )
    return best if fits[best] > fits[CHARACTERS] and fits[best] >= NEARLY_ALL * num_in_context else CHARACTERS


def _fits(counting: Counting, contexts: Sequence[str], answers: Sequence[Sequence[FileAnswer]]) -> int:
    """Number of answers that start where the counting says."""
    return sum(
        match_at(context, answer.text, place) is not None
        for context, of_context in zip(contexts, answers, strict=True)
        if of_context
        for answer, place in zip(
            of_context, counting.places(context, [answer.start for answer in of_context]), strict=True
        )
    )


def match_at(context: str, text: str, place: int | None) -> tuple[str, int] | None:
    """Return the trimmed text as the context writes it and its start, if the context has it at `place`; else None.

    place: of the text's first character or, if the text begins with white space, of the first other character.

    >>> match_at("la bomba vibra", " bomba", 2), match_at("la bomba vibra", "bomba", 2)
    (('bomba', 3), None)
    """
    if place is None:
        return None
    trimmed = text.strip()
    for start in dict.fromkeys((place + text.index(trimmed), place)):
        for form in forms(trimmed):
            if context.startswith(form, start):
                return form, start
    return None


def forms(text: str) -> Iterator[str]:
    """Yield a trimmed text as it is, then in the Unicode forms NFC and NFD if they differ: files from a Mac or a PDF
    write é as two characters."""
    trimmed = text.strip()
    yield trimmed
    for form in ("NFC", "NFD"):
        if (other := unicodedata.normalize(form, trimmed)) != trimmed:
            yield other
