"""Class names as integers: an encoder that learns names, and the order of classes. Shared by texts and series."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from lab.core.batches import MISSING

Ints = npt.NDArray[np.int64]
_DIGITS = re.compile(r"(\d+)")


class LabelEncoder:
    """Class names of one head in order of appearance, shared by all splits.

    Labels are trimmed and normalised to Unicode's composed form (NFC), so that one word is one class however its
    accents are stored. Case is kept.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names: list[str] = list(names)
        self._codes = {name: code for code, name in enumerate(self.names)}

    def encode(self, cells: Any) -> Ints:
        """Return the codes of a string array, (rows,) int64, `MISSING` where it is null; learn new names."""
        coded = pc.dictionary_encode(pc.utf8_trim_whitespace(cells))
        codes = [self.code(unicodedata.normalize("NFC", name)) for name in coded.dictionary.to_pylist()]
        places = coded.indices.fill_null(len(codes)).to_numpy(zero_copy_only=False)
        result: Ints = np.array([*codes, MISSING], np.int64)[places]
        return result

    def code(self, name: str) -> int:
        """Return the code of a name as `encode` stores it; learn a new name."""
        if name not in self._codes:
            self._codes[name] = len(self.names)
            self.names.append(name)
        return self._codes[name]


def class_order(names: Sequence[str]) -> list[int]:
    """Return the places of `names` in the order of classes: by value if all are numbers, else by words and the numbers
    inside them."""
    try:
        numbers = [float(name) for name in names]
    except ValueError:
        keys = [tuple(_DIGITS.split(name.casefold())) for name in names]
        natural = [tuple(int(part) if odd % 2 else part for odd, part in enumerate(key)) for key in keys]
        return sorted(range(len(names)), key=lambda place: (natural[place], names[place]))
    return sorted(range(len(names)), key=lambda place: (numbers[place], names[place]))
