"""Input columns that determine a row's class by themselves: copies of the label, or columns from which it was made.

A window ends in the row whose class the model predicts, so such a column gives the model its answer. Shapes: N rows, C
columns.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lab.core.batches import MISSING

MIN_ROWS = 20
"""With fewer labelled rows, separate ranges of the classes may be chance."""


@dataclass(frozen=True)
class LeakingColumn:
    """A leaking column. copy: whether each class is a single value (the label itself, coded), not only a separate
    range."""

    column: str
    copy: bool


def leaking_columns(
    values: npt.NDArray[np.float32], columns: tuple[str, ...], codes: npt.NDArray[np.int16]
) -> Iterator[LeakingColumn]:
    """Yield the columns of `values` (N, C) in which the ranges of the classes do not overlap.

    codes: (N,) class of each row. Missing values and rows without a class are ignored, as are columns without a value
    for some class or with too few rows.
    """
    order = np.argsort(codes, kind="stable")
    order = order[np.searchsorted(codes[order], MISSING, side="right") :]
    num_classes = len(np.unique(codes[order]))
    for place, name in enumerate(columns):
        column = values[order, place]
        known = ~np.isnan(column)
        sorted_codes, column = codes[order][known], column[known]
        starts = np.flatnonzero(np.diff(sorted_codes, prepend=MISSING))
        if len(column) < MIN_ROWS or len(starts) < max(2, num_classes):
            continue
        low, high = np.minimum.reduceat(column, starts), np.maximum.reduceat(column, starts)
        rank = np.argsort(low)
        if (low[rank][1:] > high[rank][:-1]).all():
            yield LeakingColumn(name, bool((low == high).all()))
