"""Numbers that stand for "no value": -99, 99.99 or 9999 among measurements.

Such a number is a repeated extreme with almost no values near it. Other columns look similar: saturating sensors and
amounts that are often 0 have values near the extreme; codes and switches have few values, close together. Cost: about
ten passes over a column. Shapes: N rows, C columns.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from lab.core.hydra_quoting import quoted
from lab.data.series.panel import Floats

MIN_SHARE, MIN_REPEATS = 0.005, 3
"""Smallest share of the known cells of a column, and smallest number of cells, that hold a sentinel."""
OUTLIER_SHARE = 0.001
"""Share of cells at each end that may be beyond a sentinel: mistyped values."""
NEAR_SHARE = 0.1
"""Largest number of values near a sentinel, as a share of its repeats; a saturating sensor has more."""
CONTINUOUS, MIN_GAP, MIN_GAP_OF_CODES = 20, 0.1, 3.0
"""Smallest number of distinct values of a measurement, and smallest gap between its sentinel and the next value as a
share of the range of the others. Fewer values may be codes and need a larger gap."""
MAX_SENTINELS = 6


def sentinels(column: Floats) -> list[float]:
    """Return the values of a column (N,) that probably stand for a missing value, commonest first."""
    known = column[np.isfinite(column)]
    min_count = max(MIN_REPEATS, int(MIN_SHARE * len(known)) + 1)
    counts: dict[float, int] = {}
    while len(known) > min_count and len(counts) < MAX_SENTINELS:
        candidate = next(_candidates(known, min_count), None)
        if candidate is None:
            break
        value, counts[value] = candidate[0], candidate[1]
        known = known[known != np.float32(value)]
    return sorted(counts, key=lambda value: -counts[value])


def _candidates(known: Floats, min_count: int) -> Iterator[tuple[float, int]]:
    """Repeated extremes that are far from the other values, with their number."""
    beyond = int(OUTLIER_SHARE * len(known))
    ends = np.partition(known, [beyond, len(known) - 1 - beyond])
    for value, sign in ((ends[len(known) - 1 - beyond], 1), (ends[beyond], -1)):
        count = int((known == value).sum())
        if count >= min_count and _is_far(sign * value, sign * known[known != value], count, zero=bool(value == 0)):
            yield float(value), count


def _is_far(value: np.float32, rest: Floats, count: int, zero: bool) -> bool:
    """Return whether an upper extreme is far from the other values, with few of them near it.

    zero: whether it is 0, the usual value of amounts that are mostly 0.
    """
    below = rest[rest < value]
    if len(below) < MIN_REPEATS or (zero and count >= len(below)):
        return False
    beyond = int(OUTLIER_SHARE * len(rest))
    low, high = np.partition(rest, [beyond, len(rest) - 1 - beyond])[[beyond, len(rest) - 1 - beyond]]
    spread, gap = float(high) - float(low), float(value) - float(below.max())
    if spread <= 0:  # one other value: a switch
        return False
    if len(np.unique(below[:10_000])) < CONTINUOUS:
        return gap > MIN_GAP_OF_CODES * spread
    near = int((below > (float(value) + float(np.median(below))) / 2).sum())
    return gap >= MIN_GAP * spread and near < NEAR_SHARE * count


def suspected(values: Floats, names: Sequence[str], missing: Sequence[str]) -> list[str]:
    """Return a line for each column of values (N, C) with a sentinel, with the setting that makes them all missing."""
    columns = {name: sentinels(values[:, place]) for place, name in enumerate(names)}
    markers = list(dict.fromkeys(text(value) for column in columns.values() for value in column))
    remedy = quoted("data.missing_markers", [*missing, *markers])
    return [
        f"column {name!r}: {_repeats(values[:, list(names).index(name)], column)}, far from all other values; "
        f"if this stands for a missing value: {remedy}"
        for name, column in columns.items() if column
    ]  # fmt: skip


def replace_by_nan(part: npt.NDArray[np.float32], missing: Sequence[float]) -> None:
    """Put NaN in place of the numbers that mean "no value"."""
    part[np.isin(part, np.array(missing, np.float32))] = np.nan


def text(value: float) -> str:
    """Return a single-precision number in the fewest digits that identify it."""
    return str(np.format_float_positional(np.float32(value), trim="-"))


def _repeats(column: Floats, values: Sequence[float]) -> str:
    counts = [int((column == np.float32(value)).sum()) for value in values]
    return " and ".join(
        f"{text(value)} in {count:,} cells ({count / max(len(column), 1):.1%})"
        for value, count in zip(values, counts, strict=True)
    )
