"""One class in several spellings: which names are spellings of one class, and one class in their place on request.

Two names are spellings of one class if they differ only in case, accents, spaces, or the form of a whole number (1,
1.0, 01). Decimals are compared as they are written: 1.1 and 1.10 may be two codes.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from lab.core.batches import MISSING
from lab.core.errors import listed
from lab.data.label_encoder import LabelEncoder
from lab.data.text.label_survey import Survey, plain_text

_WHOLE = re.compile(r"[-+]?\d+(?:[.,]0+)?")
_EXAMPLES = 8
"""Number of classes that a line names."""


class Merged(NamedTuple):
    """Surveys and encoders with one class in place of its spellings. spellings: per head, for each class that has
    several, its other spellings."""

    surveys: dict[str, Survey]
    encoders: dict[str, LabelEncoder]
    spellings: dict[str, dict[str, list[str]]]

    @property
    def notes(self) -> list[str]:
        """Lines for the terminal."""
        return [
            f"{head}: {sum(map(len, classes.values()))} spellings were merged by data.merge_spellings: "
            + listed([f"{name!r} (also {', '.join(map(repr, also))})" for name, also in classes.items()], _EXAMPLES)
            for head, classes in self.spellings.items()
        ]


def spelling_keys(names: Iterable[str]) -> list[str]:
    """Return a text per name, equal for spellings of one class.

    >>> spelling_keys(["Fuga", "FUGA ", "fúga", "1", "1.0", "01", "1.1", "1.10"])
    ['fuga', 'fuga', 'fuga', '1', '1', '1', '1.1', '1.10']
    """
    keys = plain_text(pa.array(list(names), pa.string())).to_pylist()
    return [str(int(re.split("[.,]", key)[0])) if _WHOLE.fullmatch(key) else key for key in keys]


def same_but_spelling(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Return groups of two or more names that are spellings of one class; names and groups in the order of `names`."""
    groups: dict[str, list[str]] = {}
    for name, key in zip(names, spelling_keys(names), strict=True):
        groups.setdefault(key, []).append(name)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def merged(surveys: Mapping[str, Survey], encoders: Mapping[str, LabelEncoder]) -> Merged:
    """Make one class of the spellings of a class. It is called as most rows of train are, or, where the source has no
    train split, as most of all rows are; among equals as the first row."""
    named = surveys.get("train", next(iter(surveys.values())))
    result = Merged({split: replace(survey, labels={}) for split, survey in surveys.items()}, {}, {})
    for head, encoder in encoders.items():
        codes = named.labels[head]
        counts = np.bincount(codes[codes != MISSING], minlength=len(encoder.names))
        place = {name: number for number, name in enumerate(encoder.names)}
        groups = same_but_spelling(encoder.names)
        kept = {name: max(group, key=lambda each: counts[place[each]]) for group in groups for name in group}
        names = list(dict.fromkeys(kept.get(name, name) for name in encoder.names))
        result.encoders[head] = LabelEncoder(names)
        new = {name: number for number, name in enumerate(names)}
        places = np.array([*(new[kept.get(name, name)] for name in encoder.names), MISSING], np.int64)
        for split, survey in surveys.items():
            old = survey.labels[head]
            result.surveys[split].labels[head] = places[np.where(old == MISSING, len(encoder.names), old)]
        if groups:
            result.spellings[head] = {kept[group[0]]: [n for n in group if n != kept[n]] for group in groups}
    return result
