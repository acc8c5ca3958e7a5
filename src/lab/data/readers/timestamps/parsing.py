"""Time stamps of a long table as they are written: dates, numbers in a given format, seconds since 1970, date and hour
in columns of their own. Shapes: N rows.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lab.config.schema import Table
from lab.core.errors import Mistake, listed
from lab.core.hydra_quoting import quoted
from lab.data.readers.timestamps.formats import EPOCHS, epoch, joined, padded, reading, since_1970, whole
from lab.data.series.time_steps import ROUNDED, ZERO

Moments = npt.NDArray[np.datetime64]


def time_names(data: Table) -> tuple[str, ...]:
    """Columns that a time stamp is read from."""
    return (data.time,) if isinstance(data.time, str) else data.time


def digits_kept(data: Table) -> tuple[str, ...]:
    """Columns whose digits must not be read as a number: 01022024 would lose its first."""
    form = data.time_format
    return time_names(data) if form is not None and form not in EPOCHS else ()


def read_times(columns: Sequence[Any], data: Table, mistakes: list[Mistake]) -> Moments:
    """(N,) datetime64[us]; what cannot be read is put on the list."""
    form = data.time_format
    column = columns[0] if len(columns) == 1 else _one_column(columns, form)
    if form in EPOCHS:
        return _epochs(column, data, mistakes)
    if column.dtype.kind == "M":
        if form is not None and len(columns) == 1:
            problem = f"has no effect: column {_named(data)} holds dates already"
            mistakes.append(Mistake("data.time_format", problem, "data.time_format=null", form))
        form = None
    elif column.dtype.kind in "iuf" and form is None:
        problem = f"column {_named(data)} holds numbers, not time stamps"
        remedy = reading(column, None) or "a column of dates: 2024-01-31, 2024-01-31 13:00"
        mistakes.append(Mistake("data.time", problem, remedy, listed(time_names(data))))
        return np.zeros(len(column), "datetime64[us]")
    else:
        form = form or "ISO8601"
    try:
        parsed = _parsed(column, form)
    except ValueError as error:
        remedy = reading(column, form) or f"{quoted('data.time_format', '%d/%m/%Y')}, epoch_s, or null for ISO 8601"
        mistakes.append(Mistake("data.time_format", f"is no way to write a date: {error}", remedy, data.time_format))
        return np.zeros(len(column), "datetime64[us]")
    bad = np.flatnonzero(parsed.isna().to_numpy())
    if len(bad):
        of = "of ISO 8601" if data.time_format is None else f"written {data.time_format}"
        problem = f"column {_named(data)} has no date {of} in rows {_rows(bad)}: {_cell(column, bad)}"
        guess = reading(column, data.time_format)
        remedy = guess or "write them as 2024-01-31 or 2024-01-31 13:00:00, or type how: data.time_format=%d/%m/%Y"
        mistakes.append(Mistake("data.time", problem, remedy, listed(time_names(data))))
    if getattr(parsed.dtype, "tz", None) is not None:
        parsed = parsed.dt.tz_convert("UTC").dt.tz_localize(None)
    found: Moments = parsed.to_numpy().astype("datetime64[us]", copy=False)
    return found


def _parsed(column: Any, form: str | None) -> Any:
    if column.dtype.kind in "iuf" and form is not None:
        column = whole(column)
    if column.dtype.kind not in "M" and form not in (None, "ISO8601"):
        column = padded(column.astype("string").str.strip(), str(form))
    try:
        return pd.to_datetime(column, errors="coerce", format=form)
    except ValueError:  # offsets that change with the season
        return pd.to_datetime(column, errors="coerce", format=form, utc=True)


def _one_column(columns: Sequence[Any], form: str | None) -> Any:
    """Date and hour: hours that are numbers are added to the date, all else is text joined by a space."""
    date, *rest = columns
    if form is None and len(rest) == 1 and date.dtype.kind not in "iuf" and _are_hours(rest[0]):
        return _parsed(date, None if date.dtype.kind == "M" else "ISO8601") + pd.to_timedelta(rest[0], unit="h")
    return joined([_written(column) for column in columns], form)


def _are_hours(column: Any) -> bool:
    return column.dtype.kind in "iuf" and bool(column.dropna().between(0, 24).all())


def _written(column: Any) -> Any:
    """Text of each cell; of dates the day."""
    if column.dtype.kind == "M":
        return column.dt.strftime("%Y-%m-%d")
    return whole(column) if column.dtype.kind in "iuf" else column.astype("string").str.strip()


def _epochs(column: Any, data: Table, mistakes: list[Mistake]) -> Moments:
    """Counts of seconds (or thousandths, ...) since 1970-01-01 UTC, as numbers or as text."""
    form = str(data.time_format)
    exact = since_1970(column, form)
    bad = np.flatnonzero(exact == np.iinfo(np.int64).min)
    if len(bad):
        problem = f"column {_named(data)} holds no number of {form} in rows {_rows(bad)}: {_cell(column, bad)}"
        remedy = reading(column, form) or "data.time_format=null for dates such as 2024-01-31"
        mistakes.append(Mistake("data.time_format", problem, remedy, form))
        return np.zeros(len(column), "datetime64[us]")
    middle = float(np.median(exact)) / EPOCHS[form] if len(exact) else 0.0
    if len(exact) and epoch(middle) not in (None, form):
        problem = f"makes {str(exact[:1].astype('datetime64[us]')[0])[:10]} of {_cell(column, np.array([0]))}"
        mistakes.append(Mistake("data.time_format", problem, f"data.time_format={epoch(middle)}", form))
    found: Moments = exact.astype("datetime64[us]")
    return found


def _named(data: Table) -> str:
    return " and ".join(repr(name) for name in time_names(data))


def _cell(column: Any, rows: npt.NDArray[np.integer]) -> str:
    cell = column.iloc[int(rows[0])]
    return repr(cell) if isinstance(cell, str) else str(cell)


def _rows(rows: npt.NDArray[np.int64]) -> str:
    """`3, 17 and 5 more`, counted from 0 without the header."""
    return listed([str(row) for row in rows.tolist()[:4000]], 3)


def in_seconds(times: Moments, of_row: npt.NDArray[np.integer]) -> Moments:
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
