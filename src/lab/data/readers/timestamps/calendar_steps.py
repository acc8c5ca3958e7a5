"""Steps of the calendar: months, quarters, years and business days, which differ in length and are one step each.

Written as pandas does: `1MS` (from the start of each month), `1QS`, `1YS`, `1B` (Monday to Friday, holidays included).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Times = npt.NDArray[np.datetime64]
Ints = npt.NDArray[np.int64]
_WRITTEN = re.compile(r"([1-9]\d{0,3})?(MS|QS|YS|B)")
MONTHS = {"MS": 1, "QS": 3, "YS": 12}
SHORTEST_D, LONGEST_D = {"MS": 27, "QS": 88, "YS": 364, "B": 0.9}, {"MS": 32, "QS": 93, "YS": 367, "B": 3.1}
"""Days between two rows that are one such step apart."""
WEEKENDS = 0.02
"""A table with a larger share of rows on Saturdays and Sundays is not of business days."""
MEANT = {"M": "MS", "ME": "MS", "Q": "QS", "QE": "QS", "Y": "YS", "A": "YS", "AS": "YS", "YE": "YS", "BD": "B",
         "month": "MS", "monthly": "MS", "quarter": "QS", "year": "YS", "yearly": "YS"}  # fmt: skip
"""Other ways to write them."""


@dataclass(frozen=True)
class Calendar:
    """count: months, or business days, of a step; unit: `M` or `B`."""

    count: int
    unit: str

    def number(self, times: Times) -> Ints:
        """The step that each moment falls into; a weekend belongs to the Friday before."""
        if self.unit == "M":
            months: Ints = times.astype("datetime64[M]").astype(np.int64) // self.count
            return months
        days = np.busday_offset(times.astype("datetime64[D]"), 0, roll="backward")
        since: Ints = np.busday_count(np.datetime64("1970-01-01"), days).astype(np.int64) // self.count
        return since

    def start(self, numbers: Ints) -> Times:
        """The moments at which steps start, datetime64[us]."""
        if self.unit == "M":
            return (numbers * self.count).astype("datetime64[M]").astype("datetime64[us]")
        first = np.full(len(numbers), np.datetime64("1970-01-01"))
        days: Times = np.busday_offset(first, numbers * self.count, roll="raise")
        return days.astype("datetime64[us]")


def calendar_step(text: str) -> Calendar | None:
    """None where the text names no step of the calendar."""
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        return None
    count = int(found[1] or 1)
    return Calendar(count, "B") if found[2] == "B" else Calendar(count * MONTHS[found[2]], "M")


def meant(text: str) -> str | None:
    """The spelling that is read here of a step of the calendar that is written otherwise."""
    found = re.fullmatch(r"\s*(\d*)\s*([A-Za-z]+)(?:-[A-Z]{3})?\s*", text)
    if found is None:
        return None
    unit = MEANT.get(found[2], found[2] if found[2] in (*MONTHS, "B") else None)
    return f"{int(found[1] or 1) or 1}{unit}" if unit is not None else None


def fitting(times: Times, parts: Sequence[slice]) -> tuple[str, float]:
    """The step of the calendar that most steps of the groups are, and their share."""
    best = ("", 0.0)
    for written in ("1B", "1MS", "1QS", "1YS"):
        unit, step = written[1:], calendar_step(written)
        assert step is not None
        if unit == "B" and float(np.mean(~np.is_busday(times.astype("datetime64[D]")))) > WEEKENDS:
            continue
        fits = total = 0
        for part in parts:
            moments = times[part]
            days = np.diff(moments) / np.timedelta64(1, "D")
            one = (np.diff(step.number(moments)) == 1) & (days >= SHORTEST_D[unit]) & (days <= LONGEST_D[unit])
            if unit == "B":
                one &= np.is_busday(moments[1:].astype("datetime64[D]")) & np.is_busday(
                    moments[:-1].astype("datetime64[D]")
                )
            fits, total = fits + int(one.sum()), total + len(one)
        if total and fits / total > best[1]:
            best = (written, fits / total)
    return best


def length(text: str) -> np.timedelta64 | Calendar:
    """A step as it is typed. Raises ValueError for what is no length of time."""
    calendar = calendar_step(text)
    if calendar is not None:
        return calendar
    found: np.timedelta64 = pd.Timedelta(text).to_timedelta64().astype("timedelta64[us]")
    if not found > np.timedelta64(0, "us"):  # nor "not a time"
        raise ValueError(text)
    return found
