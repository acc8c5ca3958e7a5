"""What the offsets of a file's answers count: characters as a rule, in some files bytes, UTF-16 units or other line
ends.

Why: an offset in another unit misses by what stands before it, often by little, so the nearest place that holds the
text is often a wrong one. One counting that fits nearly all answers of a file is no accident, and is used. Cost: one
comparison an answer where characters fit all of them, some 20 microseconds an answer where they do not.
"""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
NEARLY_ALL = 0.95
"""Another counting than characters is used where it fits at least this share of the answers that stand in their
contexts, and more of them than characters do."""
_CARRIAGE_RETURN, _LINE_FEED = 13, 10


def _utf_8(text: str, codes: Ints) -> Ints:  # noqa: ARG001  every unit takes both
    return 1 + (codes > 0x7F).astype(np.int64) + (codes > 0x7FF) + (codes > 0xFFFF)


def _utf_16(text: str, codes: Ints) -> Ints:  # noqa: ARG001
    return 1 + (codes > 0xFFFF).astype(np.int64)


def _apart(text: str, codes: Ints) -> Ints:  # noqa: ARG001
    return np.fromiter((len(unicodedata.normalize("NFD", one)) for one in text), np.int64, len(text))


def _composed(text: str, codes: Ints) -> Ints:  # noqa: ARG001
    return np.fromiter((not unicodedata.combining(one) for one in text), np.int64, len(text))


def _characters(text: str, codes: Ints) -> Ints:  # noqa: ARG001
    return np.ones(len(codes), np.int64)


_UNITS: dict[str, Callable[[str, Ints], Ints]] = {
    "characters": _characters,
    "UTF-8 bytes": _utf_8,
    "UTF-16 units": _utf_16,
    "characters with their accents apart (NFD)": _apart,
    "characters with their accents in one (NFC)": _composed,
}
"""How much each character of a text counts, given its codes too."""
_BREAKS = ("", "each line feed as two", "each CRLF as one")


@dataclass(frozen=True)
class Counting:
    """A way to count up to an answer. unit, breaks: keys of the tables above; first: the number of the first place."""

    unit: str = "characters"
    breaks: str = ""
    first: int = 0

    def __str__(self) -> str:
        return ", ".join([self.unit, *filter(None, [self.breaks, "from 1" if self.first else ""])])

    def places(self, context: str, starts: Sequence[int]) -> list[int | None]:
        """The characters at which offsets into a context fall; None where one falls into or behind a character.

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
        found = np.searchsorted(offsets, np.asarray(starts, np.float64), side="right") - 1
        return [
            place if place >= 0 and offsets[place] == start else None
            for place, start in zip(found.tolist(), starts, strict=True)
        ]


CHARACTERS = Counting()
COUNTINGS = (
    CHARACTERS,
    *(Counting(unit, breaks) for unit, breaks in product(_UNITS, _BREAKS) if (unit, breaks) != ("characters", "")),
    Counting(first=1),
)


@dataclass(frozen=True)
class Given:
    """An answer as a file has it: a text that is not blank, and its offset, in whatever the file counts."""

    text: str
    start: int


def counting_of(contexts: Sequence[str], answers: Sequence[Sequence[Given]]) -> Counting:
    """The counting that the answers of a file agree on. answers: of each context.

    Characters, unless another one fits more of the answers and nearly all of those that stand in their contexts.
    """
    fits = {CHARACTERS: _fits(CHARACTERS, contexts, answers)}
    num = sum(map(len, answers))
    if fits[CHARACTERS] == num:
        return CHARACTERS
    fits |= {counting: _fits(counting, contexts, answers) for counting in COUNTINGS if counting != CHARACTERS}
    best = max(fits, key=lambda counting: fits[counting])
    standing = sum(
        any(form in context for form in forms(one.text))
        for context, given in zip(contexts, answers, strict=True)
        for one in given
    )
    return best if fits[best] > fits[CHARACTERS] and fits[best] >= NEARLY_ALL * standing else CHARACTERS


def _fits(counting: Counting, contexts: Sequence[str], answers: Sequence[Sequence[Given]]) -> int:
    """How many answers stand where the counting says."""
    return sum(
        standing(context, one.text, place) is not None
        for context, given in zip(contexts, answers, strict=True)
        if given
        for one, place in zip(given, counting.places(context, [one.start for one in given]), strict=True)
    )


def standing(context: str, text: str, place: int | None) -> tuple[str, int] | None:
    """The trimmed text as the context writes it, and where it starts, if that is at `place`.

    place: of the text's first character or, where the text begins with white space, of the first that is none.

    >>> standing("la bomba vibra", " bomba", 2), standing("la bomba vibra", "bomba", 2)
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
    """A text without white space around it, as it is and then with its accents in one and apart: files from a Mac or a
    PDF write é as two characters."""
    trimmed = text.strip()
    yield trimmed
    for form in ("NFC", "NFD"):
        if (other := unicodedata.normalize(form, trimmed)) != trimmed:
            yield other
