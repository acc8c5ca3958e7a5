"""Numbers as people write them: decimal commas, marks between thousands, words for what is missing.

Every different text of a column is read once, by one grammar, so that 3,5 is never 35. What a column is written in is
judged for all columns of a file together, since `data.decimal` and `data.thousands` hold for all of them. Cost: about
2 s per million different texts. Shapes: N cells.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lab.config.schema import Table
from lab.core.hydra_quoting import quoted
from lab.data.readers.cell_values import GAPS

_PLAIN = re.compile(r"[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|inf|infinity)", re.IGNORECASE | re.ASCII)
_BLANKS = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2019": "'"})
"""Spaces and quotes that stand between thousands."""
MOST_WORDS, MOST_KINDS, FEWEST = 0.5, 5, 0.1
"""A column of numbers has words in half of its cells at most, or so many different ones beside a tenth of numbers."""


@dataclass(frozen=True)
class Spelling:
    """decimal: `.`, `,` or `any`; thousands: the mark between them; missing: texts that mean "no value"."""

    decimal: str = "."
    thousands: str | None = None
    missing: tuple[str, ...] = ()

    @classmethod
    def of(cls, data: Table) -> "Spelling":
        return cls(data.decimal, data.thousands, data.missing_markers)

    def number(self, cell: object) -> float | None:
        """What a cell says, NaN where it is missing, None where it is no number."""
        if isinstance(cell, bool | int | float | Decimal | np.number | np.bool_):
            return float(cell)
        text = str(cell).translate(_BLANKS).strip()
        if text in GAPS or text in self.missing:
            return np.nan
        if self.thousands is not None:
            text = self._joined(text)
        if self.decimal == "," or (self.decimal == "any" and text.count(",") == 1):
            text = text.replace(".", "\0").replace(",", ".")  # a point is no mark of decimals then
        return float(text) if _PLAIN.fullmatch(text) else None

    def _joined(self, text: str) -> str:
        mark, point = re.escape(str(self.thousands)), re.escape(self.decimal)
        if re.fullmatch(rf"[-+]?[1-9]\d{{0,2}}(?:{mark}\d{{3}})+(?:{point}\d*)?", text):
            return text.replace(str(self.thousands), "")
        return text if str(self.thousands) not in text else "\0"


OTHERS = (
    Spelling(","), Spelling("."), Spelling(".", ","), Spelling(",", "."), Spelling(".", " "), Spelling(",", " "),
    Spelling(".", "'"), Spelling(",", "'"), Spelling("any"),
)  # fmt: skip


def numbers(column: Any, spelling: Spelling) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """(N,) NaN where a cell is missing or no number, and the rows of those that are no numbers."""
    places, texts = pd.factorize(column)
    read = [spelling.number(text) for text in texts]
    values = np.array([*(np.nan if one is None else one for one in read), np.nan], np.float64)
    wrong = np.array([*(one is None for one in read), False], np.bool_)
    return values[places], np.flatnonzero(wrong[places])


@dataclass(frozen=True)
class Spoilt:
    """A column of numbers with cells that are none as the request reads them.

    row, word: the first such cell; share: of the cells that hold something; settings: what to type, best first, empty
    where nothing reads it; decimal: whether another mark of decimals alone reads all of it.
    """

    name: str
    row: int
    word: str
    share: float
    settings: tuple[str, ...]
    decimal: bool

    @property
    def remedy(self) -> str:
        return ", or ".join(self.settings)


def spoilt(columns: Mapping[str, Any], spelling: Spelling, fractions: bool) -> list[Spoilt]:
    """Those of some columns of text that are numbers but for the way they are written, or but for some words.

    fractions: other columns of the file are read well, with decimals, so that their mark cannot be another one.
    """
    counts = {name: column.value_counts() for name, column in columns.items()}
    counts = {name: found for name, found in counts.items() if numeric(found, spelling)}
    ways = [replace(way, missing=spelling.missing) for way in OTHERS
            if not fractions or way.decimal in (spelling.decimal, "any")]  # fmt: skip
    ways = [spelling, *(way for way in ways if way != spelling)]
    wrong = [sum(_wrong(found, way) for found in counts.values()) for way in ways]
    best = [way for way, count in zip(ways, wrong, strict=True) if count == min(wrong)]
    best = [way for way in best if way.decimal != "any"] or best
    return [one for name, found in counts.items() if (one := _judged(name, columns[name], found, spelling, best))]


def _judged(name: str, column: Any, found: Any, spelling: Spelling, best: Sequence[Spelling]) -> Spoilt | None:
    _, rows = numbers(column, spelling)
    if not len(rows):
        return None
    known = sum(int(count) for text, count in found.items() if not _missing(text, spelling))
    words = [[str(text) for text in found.index if way.number(text) is None] for way in best]
    settings = [" ".join(_typed(spelling, way, left)) for way, left in zip(best, words, strict=True)]
    if any(len(left) > MOST_KINDS for left in words):
        settings = []
    decimal = best[0].decimal in (",", ".") and best[0].thousands is None and not words[0]
    row = int(rows[0])
    return Spoilt(name, row, str(column.iloc[row]), len(rows) / max(known, 1), tuple(settings[:2]), decimal)


def _typed(old: Spelling, new: Spelling, words: Sequence[str]) -> Iterator[str]:
    """The settings in which two spellings differ, and words that are to be missing values."""
    for key in ("decimal", "thousands"):
        if getattr(old, key) != getattr(new, key):
            yield quoted(f"data.{key}", getattr(new, key))
    if words:
        yield quoted("data.missing_markers", [*old.missing, *(word.strip() for word in words)])


def numeric(found: Any, spelling: Spelling) -> bool:
    """Whether the texts of a column, with their counts, are mostly numbers in some spelling."""
    ways = (spelling, *OTHERS)
    texts = {text: int(count) for text, count in found.items() if not _missing(text, spelling)}
    words = {text: count for text, count in texts.items() if all(way.number(text) is None for way in ways)}
    total, bad = sum(texts.values()), sum(words.values())
    return bad <= MOST_WORDS * total or (len(words) <= MOST_KINDS and total - bad >= FEWEST * total) if total else False


def _wrong(found: Any, way: Spelling) -> int:
    return sum(int(count) for text, count in found.items() if way.number(text) is None)


def _missing(text: object, spelling: Spelling) -> bool:
    number = spelling.number(text)
    return number is not None and np.isnan(number)
