"""Reads the columns of the table of runs for the figures: rows, numbers, names, and which columns are scores.

Large tables are thinned by rank, so that a figure stays readable and small.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lab.report.analysis.groups import has_result, value_text
from lab.report.findings import Floats, Runs

MIN_RUNS = 2
MAX_LEVELS = 12
"""A number with more values than this is not treated as a choice: runs are not grouped by it."""
MIN_LOG_RATIO = 8
"""An axis is logarithmic from this ratio of its ends on."""
SMALLEST = 1e-30
"""A setting closer to 0 than this counts as 0. A setting beyond the inverse is not drawn, since its
axis would show nothing."""
LR_KEYS = ("optimizer.lr", "model.lr", "learning_rate", "lr")
BATCH_KEYS = ("data.batch_size", "batch_size", "per_device_train_batch_size")
RATES = ("samples_per_s", "tokens_per_s", "padding_share")


def rows_with_result(runs: Runs) -> npt.NDArray[np.intp]:
    """Return the rows that ended well and have an objective, ascending."""
    return np.flatnonzero(has_result(runs))


def ranked_rows(runs: Runs, leaderboard: Sequence[int]) -> list[int]:
    """Return the rows with a result, the best first."""
    good = set(rows_with_result(runs).tolist())
    return [row for row in leaderboard if row in good]


def numbers(runs: Runs, key: str) -> Floats | None:
    """Return a column as float64 (N,), or None if it holds a text or a switch."""
    column = runs.frame[key]
    known = column.dropna()
    if known.map(lambda value: isinstance(value, bool | str)).any():
        return None
    try:
        values: Floats = pd.to_numeric(column).to_numpy(np.float64)
    except (TypeError, ValueError):
        return None
    return np.where(np.abs(values) < SMALLEST, 0.0, np.where(np.abs(values) <= 1 / SMALLEST, values, np.nan))


def needs_log_axis(values: Floats) -> bool:
    """Return True if the finite values are positive and their ends far apart."""
    known = values[np.isfinite(values)]
    return bool(len(known) and known.min() > 0 and known.max() / known.min() >= MIN_LOG_RATIO)


def run_names(runs: Runs, rows: Sequence[int]) -> tuple[str, ...]:
    """Return the short names of the runs in `rows`."""
    return tuple(str(name) for name in runs.frame["run"].to_numpy()[list(rows)])


def scored(runs: Runs) -> list[str]:
    """Return the columns that figures compare: metrics of val and test without heads and rates, and the time."""
    names = []
    for name in runs.frame.columns:
        split, _, rest = str(name).partition("/")
        wanted = split in ("val", "test") and "/" not in rest and rest not in RATES
        if (wanted or name == "time_s") and runs.frame[name].notna().any():
            names.append(str(name))
    return names


def level_names(column: Any) -> list[str]:
    """Return the different values of a column as texts, numbers in ascending order."""
    values = list(dict.fromkeys(column.tolist()))
    try:
        values.sort()
    except TypeError:
        values.sort(key=str)
    return list(dict.fromkeys(value_text(value) for value in values))


def thinned(rows: Sequence[int], limit: int) -> list[int]:
    """Return at most `limit` of the rows, evenly spaced, including the first and the last."""
    if len(rows) <= limit:
        return list(rows)
    return [rows[at] for at in np.linspace(0, len(rows) - 1, limit).round().astype(int)]
