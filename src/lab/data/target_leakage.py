"""Input columns that tell a row's class by themselves: the label under another name, or what it was made from.

A window ends in the row whose class it is to tell, so a model that is given such a column reads its answer. Shapes: N
rows, C columns, K classes.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lab.core.batches import MISSING

FEWEST_ROWS = 20
"""Labelled rows below which an ordering of the classes may well be chance."""


@dataclass(frozen=True)
class GivenAway:
    """column: name; copy: each class is one value (the label itself, coded), not only a range of its own."""

    column: str
    copy: bool


def given_away(
    values: npt.NDArray[np.float32], columns: tuple[str, ...], codes: npt.NDArray[np.int16]
) -> Iterator[GivenAway]:
    """Columns whose values (N, C) fall into ranges that no two classes (N,) share. Missing values and rows without a
    class count nowhere; a column that leaves out a class that occurs, or that has too few rows, tells nothing."""
    order = np.argsort(codes, kind="stable")
    order = order[np.searchsorted(codes[order], MISSING, side="right") :]
    num_classes = len(np.unique(codes[order]))
    for place, name in enumerate(columns):
        column = values[order, place]
        there = ~np.isnan(column)
        of, column = codes[order][there], column[there]
        starts = np.flatnonzero(np.diff(of, prepend=MISSING))
        if len(column) < FEWEST_ROWS or len(starts) < max(2, num_classes):
            continue
        low, high = np.minimum.reduceat(column, starts), np.maximum.reduceat(column, starts)
        rank = np.argsort(low)
        if (low[rank][1:] > high[rank][:-1]).all():
            yield GivenAway(name, bool((low == high).all()))
