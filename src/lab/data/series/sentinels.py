"""Numbers that stand for "no value": -99, 99.99 or 9999 among measurements.

Such a number is an extreme that repeats, with next to nothing on its side of the column. What looks alike and is none:
a sensor that saturates and amounts that are often 0 pile up beside values that lead there; codes and switches have few
values close together. Cost: some ten passes over a column. Shapes: N rows, C columns.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from lab.core.hydra_quoting import quoted
from lab.data.series.panel import Floats

LEAST_SHARE, LEAST_REPEATS = 0.005, 3
"""Of the known cells of a column, and their number, that hold a sentinel."""
FREAKS = 0.001
"""Share of cells at each end that may lie beyond a sentinel: mistyped values."""
EMPTY = 0.1
"""Values on the sentinel's side, as a share of its repeats: a sensor that saturates has more."""
CONTINUOUS, APART, FAR_APART = 20, 0.1, 3.0
"""Different values of a measurement, and how far its sentinel lies from the next value as a share of the range of all
others; with fewer values they may be codes, and it has to lie farther."""
MOST_KINDS = 6


def sentinels(column: Floats) -> list[float]:
    """Values of a column (N,) that look like stand-ins for a missing one, the commonest first."""
    known = column[np.isfinite(column)]
    least = max(LEAST_REPEATS, int(LEAST_SHARE * len(known)) + 1)
    found: dict[float, int] = {}
    while len(known) > least and len(found) < MOST_KINDS:
        one = next(_candidates(known, least), None)
        if one is None:
            break
        value, count = one
        found[value] = count
        known = known[known != np.float32(value)]
    return sorted(found, key=lambda value: -found[value])


def _candidates(known: Floats, least: int) -> Iterator[tuple[float, int]]:
    """Extremes that repeat and lie far from the rest, with their repeats."""
    beyond = int(FREAKS * len(known))
    ends = np.partition(known, [beyond, len(known) - 1 - beyond])
    for value, sign in ((ends[len(known) - 1 - beyond], 1), (ends[beyond], -1)):
        count = int((known == value).sum())
        if count >= least and _far(sign * value, sign * known[known != value], count, off=bool(value == 0)):
            yield float(value), count


def _far(value: np.float32, rest: Floats, count: int, off: bool) -> bool:
    """Whether an upper extreme lies far from the rest, little of which is on its side.

    off: it is 0, which is the state of rest of what is mostly 0.
    """
    below = rest[rest < value]
    if len(below) < LEAST_REPEATS or (off and count >= len(below)):
        return False
    beyond = int(FREAKS * len(rest))
    low, high = np.partition(rest, [beyond, len(rest) - 1 - beyond])[[beyond, len(rest) - 1 - beyond]]
    spread, gap = float(high) - float(low), float(value) - float(below.max())
    if spread <= 0:  # one other value: a switch
        return False
    if len(np.unique(below[:10_000])) < CONTINUOUS:
        return gap > FAR_APART * spread
    beside = int((below > (float(value) + float(np.median(below))) / 2).sum())
    return gap >= APART * spread and beside < EMPTY * count


def suspected(values: Floats, names: Sequence[str], missing: Sequence[str]) -> list[str]:
    """A line for each column of values (N, C) with a sentinel, with what to type, which takes all of them out."""
    found = {name: sentinels(values[:, place]) for place, name in enumerate(names)}
    every = list(dict.fromkeys(text(value) for column in found.values() for value in column))
    remedy = quoted("data.missing_markers", [*missing, *every])
    return [
        f"column {name!r}: {_repeats(values[:, list(names).index(name)], column)}, far from all other values; "
        f"if this stands for a missing value: {remedy}"
        for name, column in found.items() if column
    ]  # fmt: skip


def without(part: npt.NDArray[np.float32], missing: Sequence[float]) -> int:
    """Put NaN in place of the numbers that mean "no value"; how many there were."""
    gone = np.isin(part, np.array(missing, np.float32))
    part[gone] = np.nan
    return int(gone.sum())


def text(value: float) -> str:
    """A number of single precision in the fewest digits that give it back."""
    return str(np.format_float_positional(np.float32(value), trim="-"))


def _repeats(column: Floats, found: Sequence[float]) -> str:
    counts = [int((column == np.float32(value)).sum()) for value in found]
    return " and ".join(
        f"{text(value)} in {count:,} cells ({count / max(len(column), 1):.1%})"
        for value, count in zip(found, counts, strict=True)
    )
