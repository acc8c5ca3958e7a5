"""Calendar steps: months, quarters, years and business days, which differ in length but count as one step each.

Steps are written as in pandas: `1MS` (from the start of each month), `1QS`, `1YS`, `1B` (Monday to Friday, holidays
included).
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
"""Fewest and most days between two rows that are one such step apart."""
MAX_WEEKEND_SHARE = 0.02
"""A table with a larger share of rows on Saturdays and Sundays does not have business days."""
OTHER_SPELLINGS = {
    "M": "MS", "ME": "MS", "Q": "QS", "QE": "QS", "Y": "YS", "A": "YS", "AS": "YS", "YE": "YS", "BD": "B",
    "month": "MS", "monthly": "MS", "quarter": "QS", "year": "YS", "yearly": "YS",
}  # fmt: skip
"""Other ways to write the steps."""


@dataclass(frozen=True)
class CalendarStep:
    """A calendar step. count: number of months or business days; unit: `M` or `B`."""

    count: int
    unit: str

    def number(self, times: Times) -> Ints:
        """Return the number of the step that each moment falls into; a weekend belongs to the Friday before."""
        if self.unit == "M":
            months: Ints = times.astype("datetime64[M]").astype(np.int64) // self.count
            return months
        days = np.busday_offset(times.astype("datetime64[D]"), 0, roll="backward")
        since: Ints = np.busday_count(np.datetime64("1970-01-01"), days).astype(np.int64) // self.count
        return since

    def start(self, numbers: Ints) -> Times:
        """Return the moments at which steps start, datetime64[us]."""
        if self.unit == "M":
            return (numbers * self.count).astype("datetime64[M]").astype("datetime64[us]")
        first = np.full(len(numbers), np.datetime64("1970-01-01"))
        days: Times = np.busday_offset(first, numbers * self.count, roll="raise")
        return days.astype("datetime64[us]")


def parse_calendar_step(text: str) -> CalendarStep | None:
    """Return the calendar step that a text names, else None."""
    match = _WRITTEN.fullmatch(text.strip())
    if match is None:
        return None
    count = int(match[1] or 1)
    return CalendarStep(count, "B") if match[2] == "B" else CalendarStep(count * MONTHS[match[2]], "M")


def accepted_spelling(text: str) -> str | None:
    """Return the accepted spelling of a calendar step that is written in another way; None for any other text."""
    match = re.fullmatch(r"\s*(\d*)\s*([A-Za-z]+)(?:-[A-Z]{3})?\s*", text)
    if match is None:
        return None
    unit = OTHER_SPELLINGS.get(match[2], match[2] if match[2] in (*MONTHS, "B") else None)
    return f"{int(match[1] or 1) or 1}{unit}" if unit is not None else None


def commonest_calendar_step(times: Times, groups: Sequence[slice]) -> tuple[str, float]:
    """Return the calendar step that fits most steps of the groups, and the share of steps that it fits."""
    best = ("", 0.0)
    for written in ("1B", "1MS", "1QS", "1YS"):
        unit, step = written[1:], parse_calendar_step(written)
        assert step is not None
        business_day = np.is_busday(times.astype("datetime64[D]"))
        if unit == "B" and float(np.mean(~business_day)) > MAX_WEEKEND_SHARE:
            continue
        fits = total = 0
        for group in groups:
            days = np.diff(times[group]) / np.timedelta64(1, "D")
            one_step = np.diff(step.number(times[group])) == 1
            one_step &= (days >= SHORTEST_D[unit]) & (days <= LONGEST_D[unit])
            if unit == "B":
                one_step &= business_day[group][1:] & business_day[group][:-1]
            fits, total = fits + int(one_step.sum()), total + len(one_step)
        if total and fits / total > best[1]:
            best = (written, fits / total)
    return best


def parse_step(text: str) -> np.timedelta64 | CalendarStep:
    """Return the step that a text names. Raises ValueError for a text that names no length of time."""
    calendar = parse_calendar_step(text)
    if calendar is not None:
        return calendar
    step: np.timedelta64 = pd.Timedelta(text).to_timedelta64().astype("timedelta64[us]")
    if not step > np.timedelta64(0, "us"):  # also refuses "not a time"
        raise ValueError(text)
    return step
