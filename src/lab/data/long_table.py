"""A long table (one row per time step and group) as a panel, or everything that is wrong with it, at once.

Checked: columns that are there and hold numbers, readable time stamps, their order, repeats and equal steps in each
group, columns that say nothing (constant, empty) or the same as another. Nothing is repaired unasked: `data.sort` puts
rows in order, `data.resample` puts them on equal steps. Shapes: N rows, C columns, G groups.
"""

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lab.batches import MISSING
from lab.data.cells import numbered, plain, without_gaps
from lab.data.labels import class_order
from lab.data.panel import Codes, Floats, Panel
from lab.data.table_file import TableFile, open_table, unreadable
from lab.data.time_steps import ROUNDED, ZERO, ordered, resampled, step_mistakes, usual_step
from lab.errors import Mistake, RequestError, listed, nearest, quoted
from lab.schema import Ahead, Table

log = logging.getLogger(__name__)
Moments = npt.NDArray[np.datetime64]
MOST_MEASURED = 20
"""Classes may be called 0.5 or 1.5; more values with decimals than this are measurements."""
COUNTERS = re.compile(r"Unnamed: \d+|__index_level_\d+__|")
"""Names of a row counter that pandas writes unasked: no input unless somebody names it."""


def read_panel(data: Table) -> tuple[str, Panel]:
    """The file's name without ending, and its rows by group and time. Raises RequestError with every mistake."""
    names = [data.group, None if isinstance(data.label, Ahead) else data.label]
    file = open_table(data, [name for name in names if name is not None])
    features = _features(file, data)
    mistakes: list[Mistake] = []
    path = Path(data.path)
    try:
        times = _times(file.take(data.time), data, mistakes)
        groups, of_row = _groups(file, data, len(times))
        codes, classes = _classes(file, data)
        values = _values(file, features, len(times), mistakes)
    except OSError as error:  # a column of a Parquet file is read when it is taken
        raise unreadable(path, error) from error
    _refuse(mistakes)  # what follows needs numbers and times
    order = ordered(times, of_row, data.sort, groups)
    if order is not None:
        times, of_row, values = times[order], of_row[order], values[order]
        codes = None if codes is None else codes[order]
    times = _in_seconds(times, of_row)
    starts = np.searchsorted(of_row, np.arange(len(groups) + 1, dtype=of_row.dtype)).astype(np.int64)
    if data.resample is not None:
        times, starts, values, codes = resampled(times, starts, values, codes, data.resample)
    mistakes = step_mistakes(times, starts, groups) + list(_silent(values, features))
    _refuse(mistakes)
    step = usual_step(times, starts) if len(times) > len(groups) else np.timedelta64(1_000_000, "us")
    panel = Panel(tuple(features), values, groups, starts, times[starts[:-1]], step, codes, classes)
    return path.name.split(".")[0], panel


def _features(file: TableFile, data: Table) -> list[str]:
    """Columns of the input. Raises RequestError naming every column that is asked for and not there."""
    rule = data.label if isinstance(data.label, Ahead) else None
    label = None if rule is not None else str(data.label)
    own = {data.time, data.group, label}
    counted = [name for name in file.numbers if name not in own and not COUNTERS.fullmatch(name)]
    chosen = list(data.features) if data.features is not None else counted
    asked: dict[str, Sequence[str | None]] = {
        "data.time": [data.time], "data.group": [data.group], "data.features": chosen, "data.log1p": data.log1p,
        "data.label": [label], "data.label.feature": [rule.feature if rule else None],
    }  # fmt: skip
    mistakes = []
    for key, names in asked.items():
        for name in names:
            if name is not None and name not in file.names:
                close = nearest(name, file.names)
                problem = f"no column of this name; there are {listed(file.names)}"
                mistakes.append(Mistake(key, problem, quoted(key, close) if close else "", name))
            elif name is not None and name not in chosen and key in ("data.log1p", "data.label.feature"):
                mistakes.append(Mistake(key, f"is not among the input columns {listed(chosen)}",
                                        quoted("data.features", [*chosen, name]), name))  # fmt: skip
    if data.features is None:
        mistakes += _spoilt(file, own, chosen)
    if not chosen:
        mistakes.append(Mistake("data.features", "there is no column of numbers to learn from", value=data.path))
    if label is not None and label in chosen:
        problem = f"{label!r} is also an input: a model that reads its label learns nothing"
        mistakes.append(Mistake("data.features", problem, "leave it out of data.features", label))
    _refuse(mistakes)
    return chosen


def _spoilt(file: TableFile, own: set[str | None], chosen: Sequence[str]) -> list[Mistake]:
    """Columns that would be inputs but for a few cells; what holds text is no input, and is told."""
    cells = file.nearly_numbers(own)
    left = [name for name in file.names if name not in own and name not in file.numbers and name not in cells]
    if left:
        log.info("no inputs, since they do not hold numbers: %s", listed(left))
    return [
        Mistake("data.features", f"column {name!r} holds {word!r} in row {row} and is a column of numbers otherwise",
                f"mend the file, or type 'data.features=[{','.join(chosen)}]' to do without it", name)
        for name, (row, word) in cells.items()
    ]  # fmt: skip


def _groups(file: TableFile, data: Table, num_rows: int) -> tuple[tuple[str, ...], npt.NDArray[np.int32]]:
    """Names in order, and each row's number among them."""
    if data.group is None:
        return ("",), np.zeros(num_rows, np.int32)
    column = numbered(plain(file.take(data.group), "data.group", data.group))
    empty = np.flatnonzero(column.isna().to_numpy())
    if len(empty):
        problem = f"column {data.group!r} is empty in rows {_some(empty)}"
        raise RequestError(Mistake("data.group", problem, "give each row its group", data.group))
    met, names = pd.factorize(column)
    texts = [str(name) for name in names]
    order = class_order(texts)
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    return tuple(texts[at] for at in order), place[met]


def _times(column: Any, data: Table, mistakes: list[Mistake]) -> Moments:
    name = data.time
    if column.dtype.kind in "iuf":
        problem = f"column {name!r} holds numbers, not time stamps"
        mistakes.append(Mistake("data.time", problem, "a column of dates: 2024-01-31, 2024-01-31 13:00", name))
        return np.zeros(len(column), "datetime64[us]")
    form = None if column.dtype.kind == "M" else data.time_format or "ISO8601"
    try:
        parsed = pd.to_datetime(column, errors="coerce", format=form)
    except ValueError:  # offsets that change with the season
        parsed = pd.to_datetime(column, errors="coerce", format=form, utc=True)
    bad = np.flatnonzero(parsed.isna().to_numpy())
    if len(bad):
        of = "of ISO 8601" if data.time_format is None else f"written {data.time_format}"
        problem = f"column {name!r} has no date {of} in rows {_some(bad)}: {column.iloc[int(bad[0])]!r}"
        remedy = "write them as 2024-01-31 or 2024-01-31 13:00:00, or type how: data.time_format=%d/%m/%Y"
        mistakes.append(Mistake("data.time", problem, remedy, name))
    if getattr(parsed.dtype, "tz", None) is not None:
        parsed = parsed.dt.tz_convert("UTC").dt.tz_localize(None)
    found: Moments = parsed.to_numpy().astype("datetime64[us]", copy=False)
    return found


def _in_seconds(times: Moments, of_row: npt.NDArray[np.integer]) -> Moments:
    """Whole seconds where steps are of a second or more and not equal as they stand: a logger that writes down its own
    delay keeps its step. Cut off, or to the nearest where that alone makes them equal."""
    some, second, half = slice(0, 1_000_000), "datetime64[s]", np.timedelta64(500_000, "us")
    inside = np.diff(of_row[some]) == 0

    def equal(moments: Moments) -> bool:
        steps = np.diff(moments[some].astype("datetime64[us]"))[inside]
        return not len(steps) or bool((np.abs(steps - steps[0]) <= ROUNDED).all())

    forward = np.diff(times[some])[inside]
    forward = forward[forward > ZERO]
    if not len(forward) or np.median(forward) < 2 * half or equal(times):
        return times
    nearest_second = equal((times[some] + half).astype(second)) and not equal(times[some].astype(second))
    return (times + half if nearest_second else times).astype(second).astype("datetime64[us]")


def _classes(file: TableFile, data: Table) -> tuple[Codes | None, tuple[str, ...]]:
    """Class of each row where labels are a column; names in their order."""
    if isinstance(data.label, Ahead):
        return None, ()
    column = without_gaps(plain(file.take(data.label), "data.label", data.label), data.label)
    known = ~column.isna().to_numpy()
    whole = column.dtype.kind == "f" and bool((column[known] % 1 == 0).all())
    names = column[known].astype(np.int64 if whole else object).astype(str).str.strip()
    codes = np.full(len(column), MISSING, np.int16)
    found, met = pd.factorize(names)
    if column.dtype.kind == "f" and not whole and len(met) > MOST_MEASURED:
        problem = f"holds measurements, not classes: {len(met)} values such as {names.iloc[0]}"
        rule = f"'data.label={{feature: {data.label}, horizon: 1, threshold: {float(column.median()):g}}}'"
        raise RequestError(Mistake("data.label", problem, rule, data.label))
    if len(met) > 1000:
        problem = f"has {len(met)} different values, too many for classes"
        raise RequestError(
            Mistake("data.label", problem, "a rule: '{feature: rain, horizon: 1, threshold: 1.0}'", data.label)
        )
    order = class_order([str(name) for name in met])
    place = np.empty(len(met), np.int16)
    place[order] = np.arange(len(met))
    codes[known] = place[found]
    return codes, tuple(str(met[at]) for at in order)


def _values(file: TableFile, features: Sequence[str], num_rows: int, mistakes: list[Mistake]) -> Floats:
    """(N, C) float32, a piece of a column at a time; infinities are a mistake."""
    values = np.empty((num_rows, len(features)), np.float32)
    for place, name in enumerate(features):
        start, words, endless, first = 0, [np.empty(0, np.int64)], [np.empty(0, np.int64)], None
        for column in file.parts(name):
            numbers = column if column.dtype.kind in "iuf" else pd.to_numeric(column, errors="coerce")
            wrong = np.flatnonzero((numbers.isna() & ~column.isna()).to_numpy())
            first = column.iloc[int(wrong[0])] if len(wrong) and first is None else first
            part = values[start : start + len(column), place]
            part[:] = numbers.to_numpy(dtype=np.float32, na_value=np.nan, copy=False)
            words.append(wrong + start)
            endless.append(np.flatnonzero(np.isinf(part)) + start)
            start += len(column)
        if len(rows := np.concatenate(words)):
            problem = f"column {name!r} holds {first!r} in rows {_some(rows)}, which is no number"
            mistakes.append(Mistake("data.features", problem, "leave it out of data.features, or mend the file", name))
        if len(rows := np.concatenate(endless)):
            mistakes.append(Mistake("data.features", f"column {name!r} is infinite in rows {_some(rows)}", value=name))
    return values


def _silent(values: Floats, features: Sequence[str]) -> "list[Mistake]":
    """Columns without a value, with one value, or equal to another."""
    empty: list[str] = []
    constant: list[str] = []
    copies: list[str] = []
    seen: dict[tuple[float, float, float], int] = {}
    for place, name in enumerate(features):
        column = values[:, place]
        low, high = (np.nan, np.nan) if np.isnan(column).all() else (np.nanmin(column), np.nanmax(column))
        if np.isnan(low):
            empty.append(name)
        elif low == high:
            constant.append(name)
        else:
            twin = seen.setdefault((float(low), float(high), float(np.nansum(column[:1000], dtype=np.float64))), place)
            if twin != place and np.array_equal(values[:, twin], column, equal_nan=True):
                copies.append(f"{name} (of {features[twin]})")
    kinds = {"holds no value at all": empty, "has one value in all rows": constant, "is a copy": copies}
    gone = {*empty, *constant, *(one.split(" (of ")[0] for one in copies)}
    rest = ",".join(name for name in features if name not in gone)
    return [
        Mistake("data.features", f"column {listed(names)} {what}",
                f"'data.features=[{rest}]'" if rest else "a table with more to tell, or a shorter data.resample")
        for what, names in kinds.items() if names
    ]  # fmt: skip


def _some(rows: npt.NDArray[np.integer]) -> str:
    """`3, 17 and 5 more`, counted from 0 without the header."""
    return listed([str(row) for row in rows.tolist()[:4000]], 3)


def _refuse(mistakes: Sequence[Mistake]) -> None:
    if mistakes:
        raise RequestError(mistakes)
