"""Groups of runs by config keys or by configuration (runs that differ only in their seed), with their statistics.

Statistics are of the runs with a result; runs without one are counted separately. A number with many values (a rate
drawn at random) is divided into quarters, since otherwise every run would be its own group.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from lab.config.dotted_keys import nearest_key
from lab.config.schema.report import Statistics
from lab.core.errors import Mistake, RequestError
from lab.report.analysis.statistics import clipped, column_stats
from lab.report.findings import COSTS, ENDED_WELL, Floats, Group, Groups, Runs
from lab.report.sources.expected_runs import CONFIRMATION

OTHER_KEYS = ("study", "data", "seed", "status")
"""Columns to group by that are not config keys."""
OUTSIDE = -1
"""The code of runs that belong to no group."""


def groups_by_keys(runs: Runs, requested: Sequence[str], settings: Statistics) -> tuple[Groups, ...]:
    """Return groups by all requested keys together, then by each alone; by each varied key if none is requested.

    Raises RequestError with every key that no run has.
    """
    keys = resolve_keys(runs, requested)
    if not keys:
        return tuple(group_by_keys(runs, [key], settings) for key in runs.varied)
    alone = [group_by_keys(runs, [key], settings) for key in keys]
    return (group_by_keys(runs, keys, settings), *alone) if len(keys) > 1 else tuple(alone)


def resolve_keys(runs: Runs, requested: Sequence[str]) -> list[str]:
    """Return dotted keys; `model` stands for `model.name`. Raises RequestError with every unknown key."""
    known = [*runs.frame.columns[list(runs.frame.columns).index("epochs") + 1 :], *runs.constant, *OTHER_KEYS]
    keys, mistakes = [], []
    for key in requested:
        match = next((name for name in (key, f"{key}.name", f"{key}.kind") if name in known), None)
        if match is None:
            near = nearest_key(key, [name for name in known if "/" not in name])
            problem = "no run has this config key" + (f"; the nearest is {near}" if near else "")
            mistakes.append(Mistake("group_by", problem, f"group_by=[{near}]" if near else "", key))
        else:
            keys.append(match)
    if mistakes:
        raise RequestError(mistakes)
    return keys


def configurations(runs: Runs, settings: Statistics) -> Groups:
    """Return one group per configuration (runs that differ only in their seed), labelled by the varied keys.

    A confirmed configuration has only its runs under new seeds: the run that selected it has a too optimistic score.
    """
    codes = runs.frame["configuration"].to_numpy()
    confirming = _confirming(runs)
    selecting = ~confirming & np.isin(codes, codes[confirming & has_result(runs)])
    return _describe(runs, runs.varied, np.where(selecting, OUTSIDE, codes), settings)


def group_by_keys(runs: Runs, keys: Sequence[str], settings: Statistics) -> Groups:
    """Return groups by the values of all keys together, without confirmation runs, which repeat only the best cells."""
    columns = [binned(column_of(runs, key), settings.most_groups) for key in keys]
    codes = pd.factorize(pd.MultiIndex.from_arrays(columns))[0] if columns else np.zeros(len(runs.frame), np.int64)
    return _describe(runs, keys, np.where(_confirming(runs), OUTSIDE, codes), settings, columns)


def _confirming(runs: Runs) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return a mask (runs,) of the runs that repeat the best configurations of a study under new seeds."""
    mask: np.ndarray[Any, np.dtype[np.bool_]] = (
        runs.frame["study"].astype("string").str.endswith(CONFIRMATION).fillna(False).to_numpy(dtype=bool)
    )
    return mask


def column_of(runs: Runs, key: str) -> pd.Series:
    """Return the values (runs,) of a column or of a key that all runs share."""
    if key in runs.frame:
        return runs.frame[key]
    return pd.Series([runs.constant[key]] * len(runs.frame), dtype=object)


def binned(column: pd.Series, max_values: int) -> pd.Series:
    """Return the values; those of a number with more than `max_values` values become quarters (`1e-05..3e-05`)."""
    if not pd.api.types.is_numeric_dtype(column) or column.nunique() <= max_values:
        return column.astype(object).where(column.notna(), None)
    numbers = column.astype(float)
    edges = np.unique(np.nanquantile(numbers, [0, 0.25, 0.5, 0.75, 1]))
    names = np.array([f"{low}..{high}" for low, high in pairwise(_distinct_texts(edges))], dtype=object)
    place = np.clip(np.searchsorted(edges, numbers, side="left") - 1, 0, len(names) - 1)
    return pd.Series(names[place], index=column.index).where(column.notna(), None)


def _distinct_texts(edges: Floats) -> list[str]:
    """Return different texts for different numbers: with three digits, or as many as necessary."""
    texts = ([f"{edge:.{digits}g}" for edge in edges] for digits in range(3, 18))
    return next(names for names in texts if len(set(names)) == len(edges))


def measured_columns(runs: Runs) -> list[str]:
    """Return the columns with statistics per group: the objective, scores on the run's own splits, costs."""
    own = [name for name in runs.frame.columns if name.startswith(("val/", "test/", "train/"))]
    return ["objective", *own, *COSTS, "epochs"]


def has_result(runs: Runs) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return a mask (runs,) of the runs that ended well with a value of the objective."""
    frame = runs.frame
    mask: np.ndarray[Any, np.dtype[np.bool_]] = (
        frame["status"].isin(ENDED_WELL).to_numpy() & frame["objective"].notna().to_numpy()
    )
    return mask


def _describe(
    runs: Runs,
    keys: Sequence[str],
    codes: np.ndarray[Any, Any],
    settings: Statistics,
    columns: Sequence[pd.Series] | None = None,
) -> Groups:
    names = measured_columns(runs)
    table = runs.frame[names].to_numpy(dtype=np.float64)
    good = has_result(runs)
    key_columns = [column_of(runs, key) for key in keys] if columns is None else columns
    groups = []
    for rows in _split(codes):
        values = {key: _common(column.iloc[rows]) for key, column in zip(keys, key_columns, strict=True)}
        groups.append(_group(runs, values, rows[~good[rows]], rows[good[rows]], names, table, settings, runs.metric))
    rank = {id(group): -runs.sign * group.stats["objective"].mean if group.rows else np.inf for group in groups}
    ordered = sorted(groups, key=lambda group: rank[id(group)])
    labels = _labels([group.keys for group in ordered])
    return Groups(tuple(keys), tuple(group._replace(label=label) for group, label in zip(ordered, labels, strict=True)))


def _labels(groups: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a label per group, with more digits where four digits would give equal labels."""
    labels = [group_label(values) for values in groups]
    for digits in range(5, 13):
        repeated = {label for label, num in Counter(labels).items() if num > 1}
        if not repeated:
            break
        labels = [
            group_label(values, digits) if label in repeated else label
            for values, label in zip(groups, labels, strict=True)
        ]
    return labels


def _split(codes: np.ndarray[Any, Any]) -> Iterator[np.ndarray[Any, np.dtype[np.int64]]]:
    """Yield the row numbers of each code except OUTSIDE, in the order of their first rows."""
    order = np.argsort(codes, kind="stable")
    order = order[codes[order] != OUTSIDE]
    if not len(order):
        return
    edges = np.flatnonzero(np.diff(codes[order])) + 1
    yield from sorted(np.split(order, edges), key=lambda rows: int(rows[0]))


def _group(
    runs: Runs,
    values: Mapping[str, Any],
    failed: np.ndarray[Any, np.dtype[np.int64]],
    good: np.ndarray[Any, np.dtype[np.int64]],
    names: Sequence[str],
    table: Floats,
    settings: Statistics,
    metric: str,
) -> Group:
    stats = {
        name: stat._replace(interval=clipped(stat.interval, metric if name == "objective" else name))
        for name, stat in zip(names, column_stats(table[good], settings.confidence), strict=True)
    }
    objective = runs.sign * table[good, 0]
    best = int(good[int(np.argmax(objective))]) if len(good) else None
    return Group("", values, tuple(good.tolist()), tuple(failed.tolist()), stats, best)


def group_label(values: Mapping[str, Any], digits: int = 4) -> str:
    """Return a group's label from the last parts of its keys, `lr=3e-05 model=tiny`; for one text key, the value."""
    if len(values) == 1 and isinstance(only := next(iter(values.values())), str):
        return only
    return " ".join(f"{short_key(key)}={value_text(value, digits)}" for key, value in values.items()) or "-"


def short_key(key: str) -> str:
    """Return the part of a key that people use: `lr` of `optimizer.lr`, `model` of `model.name`."""
    parts = key.split(".")
    return parts[-2] if parts[-1] in ("name", "kind") and len(parts) > 1 else parts[-1]


def value_text(value: Any, digits: int = 4) -> str:
    """Return a config value as text, fractions with `digits` digits."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


def _common(values: pd.Series) -> Any:
    """Return the shared value, or the range (`0.01..0.02`) of rates that a finder set for each seed."""
    first = _plain(values.iloc[0])
    if len(values) == 1 or values.nunique(dropna=False) == 1 or not pd.api.types.is_numeric_dtype(values):
        return first
    return f"{value_text(_plain(values.min()))}..{value_text(_plain(values.max()))}"


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
