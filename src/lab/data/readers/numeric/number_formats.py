"""Numbers as people write them: decimal commas, thousands separators, words for missing values.

Each distinct text of a column is parsed once, by one grammar, so that 3,5 is never 35. The format of numbers is decided
for all columns of a file together, since `data.decimal` and `data.thousands` apply to all of them. Cost: about 2 s per
million distinct texts. Shapes: N cells.
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
from lab.data.readers.cell_values import MISSING_WORDS

_NUMBER = re.compile(r"[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|inf|infinity)", re.IGNORECASE | re.ASCII)
_SEPARATORS = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2019": "'"})
"""Variants of spaces and quotes between thousands."""
MAX_WORD_SHARE, MAX_DISTINCT_WORDS, MIN_NUMBER_SHARE = 0.5, 5, 0.1
"""A column counts as numbers if at most MAX_WORD_SHARE of its cells are words, or if it has at most MAX_DISTINCT_WORDS
distinct words and at least MIN_NUMBER_SHARE of its cells are numbers."""


@dataclass(frozen=True)
class NumberFormat:
    """decimal: `.`, `,` or `any`; thousands: separator of thousands; missing: texts that mean "no value"."""

    decimal: str = "."
    thousands: str | None = None
    missing: tuple[str, ...] = ()

    @classmethod
    def of(cls, data: Table) -> "NumberFormat":
        """Return the format that a request names."""
        return cls(data.decimal, data.thousands, data.missing_markers)

    def number(self, cell: object) -> float | None:
        """Return a cell's number, NaN where it is missing, None where it is not a number."""
        if isinstance(cell, bool | int | float | Decimal | np.number | np.bool_):
            return float(cell)
        text = str(cell).translate(_SEPARATORS).strip()
        if text in MISSING_WORDS or text in self.missing:
            return np.nan
        if self.thousands is not None:
            text = self._without_thousands(text)
        if self.decimal == "," or (self.decimal == "any" and text.count(",") == 1):
            text = text.replace(".", "\0").replace(",", ".")  # a point is then not a decimal mark
        return float(text) if _NUMBER.fullmatch(text) else None

    def _without_thousands(self, text: str) -> str:
        mark, point = re.escape(str(self.thousands)), re.escape(self.decimal)
        if re.fullmatch(rf"[-+]?[1-9]\d{{0,2}}(?:{mark}\d{{3}})+(?:{point}\d*)?", text):
            return text.replace(str(self.thousands), "")
        return text if str(self.thousands) not in text else "\0"


OTHER_FORMATS = (
    NumberFormat(","), NumberFormat("."), NumberFormat(".", ","), NumberFormat(",", "."), NumberFormat(".", " "),
    NumberFormat(",", " "), NumberFormat(".", "'"), NumberFormat(",", "'"), NumberFormat("any"),
)  # fmt: skip


def numbers(column: Any, format: NumberFormat) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return (N,) values, NaN where a cell is missing or not a number, and the rows of cells that are not numbers."""
    places, texts = pd.factorize(column)
    parsed = [format.number(text) for text in texts]
    values = np.array([*(np.nan if number is None else number for number in parsed), np.nan], np.float64)
    wrong = np.array([*(number is None for number in parsed), False], np.bool_)
    return values[places], np.flatnonzero(wrong[places])


@dataclass(frozen=True)
class UnreadNumbers:
    """A column of numbers with cells that the requested format does not read.

    row, word: the first such cell; share: their share of the cells that are not missing; settings: settings that
    read it, best first, empty if there are none; decimal: whether another decimal mark alone reads the whole column.
    """

    name: str
    row: int
    word: str
    share: float
    settings: tuple[str, ...]
    decimal: bool

    @property
    def remedy(self) -> str:
        """The settings that read the column, as typed."""
        return ", or ".join(self.settings)


def unread_numbers(columns: Mapping[str, Any], format: NumberFormat, has_fractions: bool) -> list[UnreadNumbers]:
    """Return the text columns that hold numbers in another format, or numbers and a few words.

    has_fractions: whether the requested decimal mark reads other columns of the file, so that it must be right.
    """
    counts = {name: column.value_counts() for name, column in columns.items()}
    counts = {name: texts for name, texts in counts.items() if mostly_numbers(texts, format)}
    formats = [replace(other, missing=format.missing) for other in OTHER_FORMATS
               if not has_fractions or other.decimal in (format.decimal, "any")]  # fmt: skip
    formats = [format, *(other for other in formats if other != format)]
    unread = [sum(_num_unread(texts, other) for texts in counts.values()) for other in formats]
    best = [other for other, count in zip(formats, unread, strict=True) if count == min(unread)]
    best = [other for other in best if other.decimal != "any"] or best
    results = [_unread(name, columns[name], texts, format, best) for name, texts in counts.items()]
    return [result for result in results if result is not None]


def _unread(
    name: str, column: Any, counts: Any, format: NumberFormat, best: Sequence[NumberFormat]
) -> UnreadNumbers | None:
    _, rows = numbers(column, format)
    if not len(rows):
        return None
    known = sum(int(count) for text, count in counts.items() if not _is_missing(text, format))
    words = [[str(text) for text in counts.index if other.number(text) is None] for other in best]
    settings = [" ".join(_settings(format, other, unread)) for other, unread in zip(best, words, strict=True)]
    if any(len(unread) > MAX_DISTINCT_WORDS for unread in words):
        settings = []
    decimal = best[0].decimal in (",", ".") and best[0].thousands is None and not words[0]
    row = int(rows[0])
    return UnreadNumbers(name, row, str(column.iloc[row]), len(rows) / max(known, 1), tuple(settings[:2]), decimal)


def _settings(old: NumberFormat, new: NumberFormat, words: Sequence[str]) -> Iterator[str]:
    """The settings in which two formats differ, and the setting that makes words missing values."""
    for key in ("decimal", "thousands"):
        if getattr(old, key) != getattr(new, key):
            yield quoted(f"data.{key}", getattr(new, key))
    if words:
        yield quoted("data.missing_markers", [*old.missing, *(word.strip() for word in words)])


def mostly_numbers(counts: Any, format: NumberFormat) -> bool:
    """Return whether the texts of a column are mostly numbers in some format. counts: number of cells of each text."""
    formats = (format, *OTHER_FORMATS)
    texts = {text: int(count) for text, count in counts.items() if not _is_missing(text, format)}
    words = {text: count for text, count in texts.items() if all(other.number(text) is None for other in formats)}
    total, num_words = sum(texts.values()), sum(words.values())
    few_words = len(words) <= MAX_DISTINCT_WORDS and total - num_words >= MIN_NUMBER_SHARE * total
    return total > 0 and (num_words <= MAX_WORD_SHARE * total or few_words)


def _num_unread(counts: Any, format: NumberFormat) -> int:
    return sum(int(count) for text, count in counts.items() if format.number(text) is None)


def _is_missing(text: object, format: NumberFormat) -> bool:
    number = format.number(text)
    return number is not None and np.isnan(number)
