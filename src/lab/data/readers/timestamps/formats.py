"""Ways to write a date: what a format says of a text's digits, and which format reads a column. Shapes: N cells."""

import datetime
import re
from typing import Any

import numpy as np
import pandas as pd

from lab.core.hydra_quoting import quoted

EPOCHS = {"epoch_s": 1_000_000.0, "epoch_ms": 1000.0, "epoch_us": 1.0, "epoch_ns": 0.001}
"""Microseconds of each unit of a count since 1970-01-01 UTC."""
_PLAUSIBLE_S = (1e8, 5e9)
"""1973 to 2128: what a count of seconds since 1970 is likely to be."""
_YEARS = (1800, 2200)
_DIGITS = ("%Y%m%d%H%M%S", "%Y%m%d%H%M", "%Y%m%d%H", "%Y%m%d", "%Y%m", "%Y", "%d%m%Y", "%m%d%Y")
_FORMATS = (
    "%d/%m/%Y", "%m/%d/%Y", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%d-%m-%Y",
    "%d.%m.%Y", "%d-%m-%Y %H:%M", "%d.%m.%Y %H:%M", "%d/%m/%y", "%Y/%m/%d", "%Y/%m/%d %H:%M", "%Y-%m-%d %H:%M",
    "%Y %m %d", "%Y %m %d %H", "%Y %m", "%Y%m%d %H%M", "%Y%m%d %H:%M", "%Y%m%d %H", "%Y-%m-%d %H%M", "%d/%m/%Y %H%M",
    "%b %Y", "%d %b %Y", "%Y-%m-%d %I:%M %p", "%m/%d/%Y %I:%M:%S %p",
)  # fmt: skip
"""Tried for a remedy, the likelier first."""
_TRIED = 2000
"""Rows that these are tried on first."""
_ALL_DIGITS = re.compile(r"(?:%[YymdHMS])+")


def padded(texts: Any, form: str) -> Any:
    """Texts of digits as wide as their format: with the zeros in front that a number loses, and missing where the width
    is another. strptime would take 202411 for %Y%m%d, as the first of January."""
    if not _ALL_DIGITS.fullmatch(form):
        return texts
    width = len(datetime.datetime(2000, 11, 22, 13, 14, 15).strftime(form))
    wide = texts if form.startswith("%Y") else texts.str.zfill(width)
    return wide.where(wide.str.len() == width)


def joined(parts: "list[Any]", form: str | None) -> Any:
    """Texts of several columns, joined by a space; digits as wide as their piece of the format."""
    pieces = (form or "").split(" ")
    if len(pieces) == len(parts):
        parts = [padded(part, piece) for part, piece in zip(parts, pieces, strict=True)]
    found = parts[0]
    for part in parts[1:]:
        found = found + " " + part
    return found


def whole(column: Any) -> Any:
    """Whole numbers as text; others are missing."""
    if column.dtype.kind == "f":
        column = column.where(column % 1 == 0)
    return column.astype("Int64").astype("string")


def epoch(value: float) -> str | None:
    """The unit in which a number is a likely moment."""
    return next(
        (name for name, unit in EPOCHS.items() if _PLAUSIBLE_S[0] <= value * unit / 1e6 <= _PLAUSIBLE_S[1]), None
    )


def reading(column: Any, typed: str | None) -> str:
    """The setting that reads a column, or nothing; of formats that read it all alike, the first two."""
    known = column.dropna()
    if not len(known):
        return ""
    if known.dtype.kind == "M":
        return "data.time_format=null"
    numbers = pd.to_numeric(known, errors="coerce")
    if numbers.notna().all():
        forms = [form for form in _DIGITS if form != typed and _reads(whole(numbers), form)]
        unit = epoch(float(numbers.median()))
        return quoted("data.time_format", forms[0]) if forms else f"data.time_format={unit}" if unit else ""
    texts = known.astype("string").str.strip()
    if typed is not None and _reads(texts, "ISO8601"):
        return "data.time_format=null"
    forms = [form for form in _FORMATS if form != typed and _reads(texts.head(_TRIED), form) and _reads(texts, form)]
    return ", or ".join(quoted("data.time_format", form) for form in forms[:2])


def _reads(texts: Any, form: str) -> bool:
    try:
        found = pd.to_datetime(padded(texts, form), errors="coerce", format=form)
    except ValueError:
        return False
    return bool(found.notna().all() and (form == "ISO8601" or found.dt.year.between(*_YEARS).all()))


def since_1970(column: Any, form: str) -> "np.ndarray[tuple[int], np.dtype[np.int64]] | np.ndarray":
    """(N,) int64 microseconds of counts since 1970, the least integer where a cell is no such count."""
    unit, none = EPOCHS[form], np.iinfo(np.int64).min
    if column.dtype.kind == "M":
        return np.full(len(column), none)
    if column.dtype.kind in "iu":  # without the rounding of large floats
        integers = column.to_numpy(dtype=np.int64)
        limit = np.iinfo(np.int64).max // int(max(unit, 1))
        exact = np.clip(integers, -limit, limit) * int(unit) if unit >= 1 else integers // 1000
        return np.where(np.abs(integers) <= limit, exact, none)
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan) * unit
    fine = np.abs(numbers) < float(np.iinfo(np.int64).max // 2)  # nor NaN
    return np.where(fine, np.where(fine, np.round(numbers), 0).astype(np.int64), none)
