"""Which numbers a report counts with: finite ones of a size whose squares, sums and float32 copies are numbers too.

A loss that diverged is `inf` in other trackers' files, and a damaged record holds what it likes. Such a value counts as
not known, and the report names it.
"""

import math
from typing import Any

import numpy as np

from lab.report.reading import Read
from lab.report.table import IDENTITY, Floats, Sentence

LARGEST = 1e30


def limited(read: Read) -> tuple[Read, list[Sentence]]:
    """The run with NaN in place of scores, costs and points of its history that are out of range; a warning names them.

    A config key keeps its value: it is what was typed, and figures pass over it (`within`).
    """
    values, history, names = dict(read.values), dict(read.history), list[str]()
    for name, value in read.values.items():
        if name not in IDENTITY and _is_out_of_range(value):
            values[name] = math.nan
            names.append(name)
    for name, points in read.history.items():
        kept = within(points)
        if np.isnan(kept).sum() > np.isnan(points).sum():
            history[name] = kept
            names.append(f"{name} (history)")
    if not names:
        return read, []
    said = {"path": read.path, "names": ", ".join(names), "largest": LARGEST}
    return read._replace(values=values, history=history), [Sentence("out_of_range", said)]


def within(values: Floats) -> Floats:
    """The values with NaN in place of those that are infinite or larger than `LARGEST`; same shape."""
    return np.where(np.abs(values) <= LARGEST, values, np.nan)


def _is_out_of_range(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) > LARGEST  # not true of NaN
