"""Formats of dates and times: parsing by a format, and the search for the format of a column. Shapes: N cells."""

import datetime
import re
from typing import Any

import numpy as np
import pandas as pd

from lab.core.hydra_quoting import quoted

EPOCHS = {"epoch_s": 1_000_000.0, "epoch_ms": 1000.0, "epoch_us": 1.0, "epoch_ns": 0.001}
"""Microseconds of each unit of a count since 1970-01-01 UTC."""
_PLAUSIBLE_S = (1e8, 5e9)
"""1973 to 2128: the likely range of seconds since 1970."""
_PLAUSIBLE_YEARS = (1800, 2200)
_DIGIT_FORMATS = ("%Y%m%d%H%M%S", "%Y%m%d%H%M", "%Y%m%d%H", "%Y%m%d", "%Y%m", "%Y", "%d%m%Y", "%m%d%Y")
_TEXT_FORMATS = (
    "%d/%m/%Y", "%m/%d/%Y", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%d-%m-%Y",
    "%d.%m.%Y", "%d-%m-%Y %H:%M", "%d.%m.%Y %H:%M", "%d/%m/%y", "%Y/%m/%d", "%Y/%m/%d %H:%M", "%Y-%m-%d %H:%M",
    "%Y %m %d", "%Y %m %d %H", "%Y %m", "%Y%m%d %H%M", "%Y%m%d %H:%M", "%Y%m%d %H", "%Y-%m-%d %H%M", "%d/%m/%Y %H%M",
    "%b %Y", "%d %b %Y", "%Y-%m-%d %I:%M %p", "%m/%d/%Y %I:%M:%S %p",
)  # fmt: skip
"""Proposed formats, the likeliest first."""
_SAMPLE_ROWS = 2000
"""Rows on which a format is tried first."""
_ALL_DIGITS = re.compile(r"(?:%[YymdHMS])+")


def zero_padded(texts: Any, time_format: str) -> Any:
    """Return texts of digits in the width of their format: leading zeros that a number loses are restored, and texts of
    another width become missing. strptime would read 202411 by %Y%m%d, as the first of January."""
    if not _ALL_DIGITS.fullmatch(time_format):
        return texts
    width = len(datetime.datetime(2000, 11, 22, 13, 14, 15).strftime(time_format))
    wide = texts if time_format.startswith("%Y") else texts.str.zfill(width)
    return wide.where(wide.str.len() == width)


def join_columns(columns: "list[Any]", time_format: str | None) -> Any:
    """Return texts of several columns joined by a space, each padded to its piece of the format."""
    pieces = (time_format or "").split(" ")
    if len(pieces) == len(columns):
        columns = [zero_padded(column, piece) for column, piece in zip(columns, pieces, strict=True)]
    joined = columns[0]
    for column in columns[1:]:
        joined = joined + " " + column
    return joined


def whole_numbers_as_text(column: Any) -> Any:
    """Return whole numbers as text; other numbers are missing."""
    if column.dtype.kind == "f":
        column = column.where(column % 1 == 0)
    return column.astype("Int64").astype("string")


def likely_epoch(value: float) -> str | None:
    """Return the key of `EPOCHS` in whose unit a number is a likely moment, else None."""
    return next(
        (name for name, unit in EPOCHS.items() if _PLAUSIBLE_S[0] <= value * unit / 1e6 <= _PLAUSIBLE_S[1]), None
    )


def suggested_setting(column: Any, current: str | None) -> str:
    """Return the setting of data.time_format that reads a whole column, "" without one. Of several formats, the first
    two are named."""
    known = column.dropna()
    if not len(known):
        return ""
    if known.dtype.kind == "M":
        return "data.time_format=null"
    numbers = pd.to_numeric(known, errors="coerce")
    if numbers.notna().all():
        texts = whole_numbers_as_text(numbers)
        formats = [other for other in _DIGIT_FORMATS if other != current and _fits(texts, other)]
        unit = likely_epoch(float(numbers.median()))
        return quoted("data.time_format", formats[0]) if formats else f"data.time_format={unit}" if unit else ""
    texts = known.astype("string").str.strip()
    if current is not None and _fits(texts, "ISO8601"):
        return "data.time_format=null"
    formats = [other for other in _TEXT_FORMATS
               if other != current and _fits(texts.head(_SAMPLE_ROWS), other) and _fits(texts, other)]  # fmt: skip
    return ", or ".join(quoted("data.time_format", other) for other in formats[:2])


def _fits(texts: Any, time_format: str) -> bool:
    try:
        moments = pd.to_datetime(zero_padded(texts, time_format), errors="coerce", format=time_format)
    except ValueError:
        return False
    plausible = time_format == "ISO8601" or moments.dt.year.between(*_PLAUSIBLE_YEARS).all()
    return bool(moments.notna().all() and plausible)


def epoch_microseconds(column: Any, epoch: str) -> "np.ndarray[tuple[int], np.dtype[np.int64]] | np.ndarray":
    """Return (N,) int64 microseconds since 1970 from counts in a unit of `EPOCHS`; the smallest integer where a cell is
    not such a count."""
    unit, none = EPOCHS[epoch], np.iinfo(np.int64).min
    if column.dtype.kind == "M":
        return np.full(len(column), none)
    if column.dtype.kind in "iu":  # avoids the rounding of large floats
        integers = column.to_numpy(dtype=np.int64)
        limit = np.iinfo(np.int64).max // int(max(unit, 1))
        exact = np.clip(integers, -limit, limit) * int(unit) if unit >= 1 else integers // 1000
        return np.where(np.abs(integers) <= limit, exact, none)
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan) * unit
    valid = np.abs(numbers) < float(np.iinfo(np.int64).max // 2)  # False for NaN
    return np.where(valid, np.where(valid, np.round(numbers), 0).astype(np.int64), none)
