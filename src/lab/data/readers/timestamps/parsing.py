"""Parsing of a long table's time stamps: dates, numbers in a given format, counts since 1970, a date and an hour in two
columns. Shapes: N rows.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lab.config.schema import Table
from lab.core.errors import Mistake, listed
from lab.core.hydra_quoting import quoted
from lab.data.readers.timestamps.formats import (
    EPOCHS,
    epoch_microseconds,
    join_columns,
    likely_epoch,
    suggested_setting,
    whole_numbers_as_text,
    zero_padded,
)

Moments = npt.NDArray[np.datetime64]


def time_names(data: Table) -> tuple[str, ...]:
    """Return the columns that contain the time stamp."""
    return (data.time,) if isinstance(data.time, str) else data.time


def columns_read_as_text(data: Table) -> tuple[str, ...]:
    """Return the columns that must not be read as numbers: 01022024 would lose its first digit."""
    return time_names(data) if data.time_format is not None and data.time_format not in EPOCHS else ()


def read_times(columns: Sequence[Any], data: Table, mistakes: list[Mistake]) -> Moments:
    """Return (N,) datetime64[us]; add a mistake to the list for time stamps that cannot be read."""
    time_format = data.time_format
    column = columns[0] if len(columns) == 1 else _one_column(columns, time_format)
    if time_format in EPOCHS:
        return _parse_epochs(column, data, mistakes)
    if column.dtype.kind == "M":
        if time_format is not None and len(columns) == 1:
            problem = f"has no effect: column {_column_names(data)} already contains dates"
            mistakes.append(Mistake("data.time_format", problem, "data.time_format=null", time_format))
        time_format = None
    elif column.dtype.kind in "iuf" and time_format is None:
        problem = f"column {_column_names(data)} contains numbers, not time stamps"
        remedy = suggested_setting(column, None) or "a column of dates: 2024-01-31, 2024-01-31 13:00"
        mistakes.append(Mistake("data.time", problem, remedy, listed(time_names(data))))
        return np.zeros(len(column), "datetime64[us]")
    else:
        time_format = time_format or "ISO8601"
    try:
        parsed = _parsed(column, time_format)
    except ValueError as error:
        example = f"{quoted('data.time_format', '%d/%m/%Y')}, epoch_s, or null for ISO 8601"
        remedy = suggested_setting(column, time_format) or example
        mistakes.append(Mistake("data.time_format", f"is not a date format: {error}", remedy, data.time_format))
        return np.zeros(len(column), "datetime64[us]")
    bad = np.flatnonzero(parsed.isna().to_numpy())
    if len(bad):
        written = "of ISO 8601" if data.time_format is None else f"written {data.time_format}"
        problem = f"column {_column_names(data)} has no date {written} in rows {_rows(bad)}: {_cell(column, bad)}"
        example = "write them as 2024-01-31 or 2024-01-31 13:00:00, or name their format: data.time_format=%d/%m/%Y"
        remedy = suggested_setting(column, data.time_format) or example
        mistakes.append(Mistake("data.time", problem, remedy, listed(time_names(data))))
    if getattr(parsed.dtype, "tz", None) is not None:
        parsed = parsed.dt.tz_convert("UTC").dt.tz_localize(None)
    moments: Moments = parsed.to_numpy().astype("datetime64[us]", copy=False)
    return moments


def _parsed(column: Any, time_format: str | None) -> Any:
    if column.dtype.kind in "iuf" and time_format is not None:
        column = whole_numbers_as_text(column)
    if column.dtype.kind not in "M" and time_format not in (None, "ISO8601"):
        column = zero_padded(column.astype("string").str.strip(), str(time_format))
    try:
        return pd.to_datetime(column, errors="coerce", format=time_format)
    except ValueError:  # UTC offsets that change with the season
        return pd.to_datetime(column, errors="coerce", format=time_format, utc=True)


def _one_column(columns: Sequence[Any], time_format: str | None) -> Any:
    """Date and hour as one column: numeric hours are added to the date, other columns are joined as text."""
    date, *rest = columns
    if time_format is None and len(rest) == 1 and date.dtype.kind not in "iuf" and _are_hours(rest[0]):
        return _parsed(date, None if date.dtype.kind == "M" else "ISO8601") + pd.to_timedelta(rest[0], unit="h")
    return join_columns([_as_text(column) for column in columns], time_format)


def _are_hours(column: Any) -> bool:
    return column.dtype.kind in "iuf" and bool(column.dropna().between(0, 24).all())


def _as_text(column: Any) -> Any:
    """Cells as text; dates as their day."""
    if column.dtype.kind == "M":
        return column.dt.strftime("%Y-%m-%d")
    return whole_numbers_as_text(column) if column.dtype.kind in "iuf" else column.astype("string").str.strip()


def _parse_epochs(column: Any, data: Table, mistakes: list[Mistake]) -> Moments:
    """Counts of seconds (or milliseconds, ...) since 1970-01-01 UTC, as numbers or as text."""
    epoch = str(data.time_format)
    exact = epoch_microseconds(column, epoch)
    bad = np.flatnonzero(exact == np.iinfo(np.int64).min)
    if len(bad):
        problem = (
            f"column {_column_names(data)} contains no number of {epoch} in rows {_rows(bad)}: {_cell(column, bad)}"
        )
        remedy = suggested_setting(column, epoch) or "data.time_format=null for dates such as 2024-01-31"
        mistakes.append(Mistake("data.time_format", problem, remedy, epoch))
        return np.zeros(len(column), "datetime64[us]")
    likely = likely_epoch(float(np.median(exact)) / EPOCHS[epoch]) if len(exact) else None
    if likely not in (None, epoch):
        date = str(exact[:1].astype("datetime64[us]")[0])[:10]
        problem = f"reads {_cell(column, np.array([0]))} as {date}"
        mistakes.append(Mistake("data.time_format", problem, f"data.time_format={likely}", epoch))
    moments: Moments = exact.astype("datetime64[us]")
    return moments


def _column_names(data: Table) -> str:
    return " and ".join(repr(name) for name in time_names(data))


def _cell(column: Any, rows: npt.NDArray[np.integer]) -> str:
    cell = column.iloc[int(rows[0])]
    return repr(cell) if isinstance(cell, str) else str(cell)


def _rows(rows: npt.NDArray[np.int64]) -> str:
    """`3, 17 and 5 more`, counted from 0 without the header."""
    return listed([str(row) for row in rows.tolist()[:4000]], 3)
