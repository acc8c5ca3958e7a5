"""What the report's figures show: the numbers of each in a NamedTuple, computed once and drawn elsewhere, twice.

A function returns its figure's data, or an `Absent` that says why there is nothing to draw: one run, a key that was
not varied. Drawn by `figures_page` (Plotly) and `figures_files` (Matplotlib). Many points are thinned here, by rank.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from lab.report.analysis.groups import shown
from lab.report.findings import ENDED_WELL, Floats, Report, Runs

LEAST_RUNS = 2
MOST_LEVELS = 12
"""A number with more values than this is no choice: it is neither grouped by nor drawn as one."""
LOG_FROM = 8
"""An axis is logarithmic from this ratio of its ends on."""
SMALLEST = 1e-30
"""A setting nearer to 0 is 0, and one beyond its inverse is not drawn: an axis of so many decades shows nothing."""
COMPARED_RUNS = 6
MOST_BARS = 300
"""More runs are drawn as points."""
LR_KEYS = ("optimizer.lr", "model.lr", "learning_rate", "lr")
BATCH_KEYS = ("data.batch_size", "batch_size", "per_device_train_batch_size")
RATES = ("samples_per_s", "tokens_per_s", "padding_share")


class Absent(NamedTuple):
    """Why a figure is not drawn: a key of the catalogue and what stands in it."""

    reason: str
    values: Mapping[str, Any] = {}


class Bars(NamedTuple):
    """All runs with a result, the best first. values: the objective; num_without: runs that have none."""

    rows: tuple[int, ...]
    labels: tuple[str, ...]
    values: Floats
    statuses: tuple[str, ...]
    metric: str
    num_without: int


class Against(NamedTuple):
    """The objective against a numeric key. centres, medians: one each value of the key; log: whether its axis is."""

    key: str
    metric: str
    rows: tuple[int, ...]
    labels: tuple[str, ...]
    x: Floats
    y: Floats
    centres: Floats
    medians: Floats
    log: bool


class Front(NamedTuple):
    """The objective against seconds. front: positions of runs that none beats in both, the fastest first."""

    metric: str
    rows: tuple[int, ...]
    labels: tuple[str, ...]
    time_s: Floats
    values: Floats
    front: tuple[int, ...]
    log: bool


class Metrics(NamedTuple):
    """Test metrics of the best runs, beside the baselines. values: (series, metrics), NaN where not known."""

    metrics: tuple[str, ...]
    series: tuple[str, ...]
    values: Floats


def ended(runs: Runs) -> npt.NDArray[np.intp]:
    """Rows that ended well and have an objective."""
    frame = runs.frame
    good = frame["status"].isin(ENDED_WELL).to_numpy() & frame["objective"].notna().to_numpy()
    return np.flatnonzero(good)


def numbers(runs: Runs, key: str) -> Floats | None:
    """A column as float64 (N,), None where it holds a text or a switch."""
    column = runs.frame[key]
    known = column.dropna()
    if known.map(lambda value: isinstance(value, bool | str)).any():
        return None
    try:
        values: Floats = pd.to_numeric(column).to_numpy(np.float64)
    except (TypeError, ValueError):
        return None
    return np.where(np.abs(values) < SMALLEST, 0.0, np.where(np.abs(values) <= 1 / SMALLEST, values, np.nan))


def labels(runs: Runs, rows: Sequence[int]) -> tuple[str, ...]:
    return tuple(str(name) for name in runs.frame["run"].to_numpy()[list(rows)])


def bars(report: Report) -> Bars | Absent:
    runs = report.runs
    good = set(ended(runs).tolist())
    rows = tuple(row for row in report.leaderboard if row in good)
    if len(rows) < LEAST_RUNS:
        return Absent("absent.runs", {"least": LEAST_RUNS, "found": len(rows)})
    frame = runs.frame
    statuses = tuple(frame["status"].to_numpy()[list(rows)])
    values = frame["objective"].to_numpy(np.float64)[list(rows)]
    return Bars(rows, labels(runs, rows), values, statuses, runs.metric, len(frame) - len(rows))


def against(report: Report, candidates: Sequence[str]) -> Against | Absent:
    """The first of the keys that was varied, on an axis that is logarithmic where its values are far apart."""
    runs = report.runs
    key = next((key for key in candidates if key in runs.varied), None)
    if key is None:
        return Absent("absent.not_varied", {"key": candidates[0]})
    x, rows = numbers(runs, key), ended(runs)
    if x is None:
        return Absent("absent.no_number", {"key": key})
    rows = rows[np.isfinite(x[rows])]
    if len(rows) < LEAST_RUNS or len(np.unique(x[rows])) < 2:
        return Absent("absent.not_varied", {"key": key})
    values = runs.frame["objective"].to_numpy(np.float64)[rows]
    centres = np.unique(x[rows])
    medians = np.array([np.median(values[x[rows] == centre]) for centre in centres])
    log = bool(centres[0] > 0 and centres[-1] / centres[0] >= LOG_FROM)
    chosen = tuple(rows.tolist())
    return Against(key, runs.metric, chosen, labels(runs, chosen), x[rows], values, centres, medians, log)


def scored(runs: Runs) -> list[str]:
    """Columns that a figure compares: metrics of val and test without heads and rates, then what a run cost."""
    names = []
    for name in runs.frame.columns:
        split, _, rest = str(name).partition("/")
        wanted = split in ("val", "test") and "/" not in rest and rest not in RATES
        if (wanted or name == "time_s") and runs.frame[name].notna().any():
            names.append(str(name))
    return names


def levels_of(column: Any) -> list[str]:
    """Names of the values of a column, numbers in their order."""
    values = list(dict.fromkeys(column.tolist()))
    try:
        values.sort()
    except TypeError:
        values.sort(key=str)
    return list(dict.fromkeys(shown(value) for value in values))


def front(report: Report) -> Front | Absent:
    runs = report.runs
    time_s = runs.frame["time_s"].to_numpy(np.float64)
    rows = ended(runs)
    rows = rows[np.isfinite(time_s[rows])]
    if len(rows) < LEAST_RUNS:
        return Absent("absent.runs", {"least": LEAST_RUNS, "found": len(rows)})
    values = runs.frame["objective"].to_numpy(np.float64)[rows]
    chosen = tuple(rows.tolist())
    best = pareto(time_s[rows], runs.sign * values)
    seconds = time_s[rows]
    log = bool(seconds.min() > 0 and seconds.max() / seconds.min() >= LOG_FROM)
    return Front(runs.metric, chosen, labels(runs, chosen), seconds, values, best, log)


def pareto(cost: Floats, gain: Floats) -> tuple[int, ...]:
    """Positions that no other beats: none is as cheap and better, or cheaper and as good. Cheapest first."""
    order = np.lexsort((-gain, cost))
    before = np.concatenate([[-np.inf], np.maximum.accumulate(gain[order])[:-1]])
    return tuple(int(at) for at in order[gain[order] > before])


def metrics(report: Report) -> Metrics | Absent:
    """Of the best runs, one of a configuration, and the baselines on the winner's test rows."""
    frame = report.runs.frame
    names = tuple(name for name in scored(report.runs) if name.startswith("test/") and name != "test/loss")
    good = set(ended(report.runs).tolist())
    rows: dict[Any, int] = {}
    for row in (row for row in report.leaderboard if row in good):
        rows.setdefault(frame["configuration"].iloc[row], row)
    best = list(rows.values())[:COMPARED_RUNS]
    if not best or not names:
        return Absent("absent.no_test")
    series, values = list(labels(report.runs, best)), [frame[list(names)].iloc[row].tolist() for row in best]
    for baseline in baselines(report.runs):
        columns = [f"{baseline}/{name.removeprefix('test/')}" for name in names]
        cells = [frame[column].iloc[best[0]] if column in frame else np.nan for column in columns]
        series.append(baseline)
        values.append(cells)
    return Metrics(names, tuple(series), np.array(values, np.float64))


def baselines(runs: Runs) -> list[str]:
    """Names of what the test rows were also scored with: `majority`, `bayes`."""
    splits = (str(name).partition("/")[0] for name in runs.frame.columns if "/" in str(name))
    return [name for name in dict.fromkeys(splits) if name not in ("train", "val", "test", "data")]
