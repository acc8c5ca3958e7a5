"""Box plots by group: quartiles and whiskers of every metric, by each key that was varied.

Quartiles are interpolated linearly; whiskers are Tukey's (1977). What lies beyond is counted but not drawn.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lab.report.analysis.groups import shown
from lab.report.figures.plots import MOST_LEVELS, Absent, ended, levels_of, scored
from lab.report.findings import Floats, Report, Runs


class Box(NamedTuple):
    """Quartiles (linear interpolation) and whiskers, the furthest values within 1.5 x (q3 - q1) of the box (Tukey)."""

    level: str
    num: int
    low: float
    q1: float
    median: float
    q3: float
    high: float


class Boxes(NamedTuple):
    """One group of boxes a metric. by: metric -> boxes, in the order of the key's values."""

    key: str
    by: Mapping[str, tuple[Box, ...]]


def boxes(report: Report) -> tuple[Boxes, ...] | Absent:
    """By each varied key with 2 to 12 values."""
    runs = report.runs
    rows = ended(runs)
    found = [_boxes(runs, rows, key) for key in runs.varied]
    kept = tuple(one for one in found if one is not None)
    return kept or Absent("absent.no_groups", {"most": MOST_LEVELS})


def _boxes(runs: Runs, rows: npt.NDArray[np.intp], key: str) -> Boxes | None:
    levels = levels_of(runs.frame[key].iloc[rows])
    named = runs.frame[key].iloc[rows].map(shown).to_numpy()
    if not 2 <= len(levels) <= MOST_LEVELS:
        return None
    by = {}
    for metric in scored(runs):
        values = runs.frame[metric].to_numpy(np.float64)[rows]
        made = (box(level, values[named == level]) for level in levels)
        if known := tuple(one for one in made if one is not None):
            by[metric] = known
    return Boxes(key, by) if by else None


def box(level: str, values: Floats) -> Box | None:
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    q1, median, q3 = np.clip(np.quantile(values, [0.25, 0.5, 0.75]), values.min(), values.max())
    reach = 1.5 * (q3 - q1)
    inside = values[(values >= q1 - reach) & (values <= q3 + reach)]
    low, high = inside.min(initial=q1), inside.max(initial=q3)  # quartiles lie between values, which may be far away
    return Box(level, len(values), float(low), float(q1), float(median), float(q3), float(high))
