"""Drawn splits beside the shares that were asked for: how far they missed them, and why, in a line each.

Rows of one text or one group move as a whole, and a class stays in train while rows allow it, so a draw may fall short
of its share; a score of a handful of rows would then look like one of many.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from lab.core.batches import MISSING

Ints = npt.NDArray[np.int64]
_FAR = 0.25
"""Of a share: what a split may miss it by without a word. One row is always allowed."""


def missed_shares(
    drawn: Mapping[str, int],
    shares: Mapping[str, float],
    labels: Mapping[str, Ints],
    units: npt.NDArray[np.generic],
    together: str,
) -> tuple[str, ...]:
    """A line for each split that is far from its share.

    drawn: rows per split; shares: of all rows, per drawn split; labels: per head codes (rows,); units: (rows,), rows of
    equal value moved as a whole; together: what such rows have in common.
    """
    num_rows, lines = len(units), []
    for split, share in shares.items():
        asked = share * num_rows
        if abs(drawn[split] - asked) <= max(1.0, _FAR * asked):
            continue
        why = _reason(labels, units, together, short=drawn[split] < asked)
        rows = f"{drawn[split]} row{'' if drawn[split] == 1 else 's'} of {num_rows}"
        lines.append(f"{split}: {rows}, where data.split.{split}={share:g} asks for {asked:.0f}: {why}")
    return tuple(lines)


def lone_classes(codes: Ints) -> int:
    """Classes of a single row; codes: (rows,), `MISSING` where there is no label."""
    return int((np.bincount(codes[codes != MISSING], minlength=1) == 1).sum())


def _reason(labels: Mapping[str, Ints], units: npt.NDArray[np.generic], together: str, short: bool) -> str:
    lone = {head: num for head, codes in labels.items() if (num := lone_classes(codes))}
    largest = int(np.unique(units, return_counts=True)[1].max())
    if short and lone and sum(lone.values()) >= largest:
        counted = ", ".join(f"{num} of {head}" for head, num in lone.items())
        return f"classes of a single row stay in train ({counted})"
    if largest > 1:
        return f"rows of one {together} move as a whole (the largest has {largest})"
    return "every class keeps a row in train"
