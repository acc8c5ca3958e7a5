"""Classes that are one word in several spellings: told, and never merged, because a code may mean its case.

Two names are alike when they differ only in case, accents, spaces, or the form of a number (1, 1.0, 01).
"""

import re
from collections.abc import Sequence

import pyarrow as pa

from lab.data.text.label_survey import plain_text

_NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d+)?")


def alike(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Groups of two and more names that are alike, names and groups in the order of `names`."""
    groups: dict[str, list[str]] = {}
    for name, plain in zip(names, plain_text(pa.array(names, pa.string())).to_pylist(), strict=True):
        number = _NUMBER.fullmatch(plain)
        groups.setdefault(f"{float(plain.replace(',', '.')):.12g}" if number else plain, []).append(name)
    return [tuple(group) for group in groups.values() if len(group) > 1]
