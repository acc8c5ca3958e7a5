"""Order and steps of a long table's time stamps: sorting, repeats, unequal steps, resampling to equal steps.

Why equal steps: a window is a number of rows, and every window must have the same length in time. Shapes: N rows,
C columns, G groups; `starts` (G + 1,) as in `Panel`.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from lab.core.batches import MISSING
from lab.core.errors import Mistake, RequestError
from lab.data.readers.timestamps.calendar_steps import (
    CalendarStep,
    accepted_spelling,
    commonest_calendar_step,
    parse_step,
)
from lab.data.series.panel import Codes, Floats, Ints, iso_text

Moments = npt.NDArray[np.datetime64]
ZERO = np.timedelta64(0, "us")
ROUNDING = np.timedelta64(1, "us")
"""Tolerance for steps that are not whole microseconds (1/30 s)."""
MAX_STEPS, MAX_STEPS_PER_ROW = 10_000_000, 100
"""More steps than both of these are treated as a mistake."""
CALENDAR_SHARE = 0.6
"""Share of steps that fit a calendar step from which that step is proposed."""
MAX_EXAMPLES = 5
"""Number of places that a message names."""


def row_order(times: Moments, of_row: npt.NDArray[np.integer], sort: bool, groups: Sequence[str]) -> Ints | None:
    """Return the rows by group, sorted by time if `sort`; None if they are already in this order.

    of_row: (N,) number of each row's group. Raises RequestError, naming groups and rows, for time stamps that go back
    where `sort` is False.
    """
    by_group = None if bool((of_row[1:] >= of_row[:-1]).all()) else np.argsort(of_row, kind="stable")
    moments, group = (times, of_row) if by_group is None else (times[by_group], of_row[by_group])
    back = np.flatnonzero((moments[1:] < moments[:-1]) & (group[1:] == group[:-1])) + 1
    if not len(back):
        return by_group
    if sort:
        by_time: Ints = np.lexsort((times, of_row))
        return by_time
    rows = back if by_group is None else by_group[back]
    examples = [
        f"{_group_prefix(groups, int(group[at]))}row {row} ({_date(moments[at])} after {_date(moments[at - 1])})"
        for at, row in zip(back[:MAX_EXAMPLES].tolist(), rows[:MAX_EXAMPLES].tolist(), strict=True)
    ]
    remedy = f"{_missing_group_hint(groups)}data.sort=true"
    problem = f"goes back in time: {'; '.join(examples)}{_and_more(len(back))}"
    raise RequestError(Mistake("data.time", problem, remedy))


def whole_seconds(times: Moments, of_row: npt.NDArray[np.integer]) -> Moments:
    """Return the times in whole seconds if steps are a second or longer and not equal as written: a logger that adds
    its own delay keeps its step. Times are cut off, or rounded if only rounding makes the steps equal."""
    some, second, half = slice(0, 1_000_000), "datetime64[s]", np.timedelta64(500_000, "us")
    same_group = np.diff(of_row[some]) == 0

    def equal(moments: Moments) -> bool:
        steps = np.diff(moments[some].astype("datetime64[us]"))[same_group]
        return not len(steps) or bool((np.abs(steps - steps[0]) <= ROUNDING).all())

    forward = np.diff(times[some])[same_group]
    forward = forward[forward > ZERO]
    if not len(forward) or np.median(forward) < 2 * half or equal(times):
        return times
    rounding = equal((times[some] + half).astype(second)) and not equal(times[some].astype(second))
    return (times + half if rounding else times).astype(second).astype("datetime64[us]")


def step_mistakes(times: Moments, starts: Ints, groups: Sequence[str], equal: bool) -> Iterator[Mistake]:
    """Yield the mistakes of repeated time stamps and, where steps must be `equal`, of steps that differ from the
    commonest step."""
    slices = _group_slices(starts)
    usual = _usual_step(times, slices)
    repeated: list[int] = []
    odd: list[int] = []
    for part in slices:  # one group at a time: the steps of all groups would be as large as the time stamps
        steps = np.diff(times[part])
        repeated += (part.start + 1 + np.flatnonzero(steps == ZERO)).tolist()
        odd += (part.start + 1 + np.flatnonzero((steps > ZERO) & (np.abs(steps - usual) > ROUNDING))).tolist()

    def group(row: int) -> str:
        return _group_prefix(groups, int(np.searchsorted(starts, row, side="right")) - 1)

    if repeated:
        examples = [f"{group(at)}{_date(times[at])} (row {at})" for at in repeated[:MAX_EXAMPLES]]
        problem = f"{len(repeated)} time stamps occur twice: {'; '.join(examples)}{_and_more(len(repeated))}"
        remedy = f"{_missing_group_hint(groups)}remove one row of each, or data.resample=1D for their mean of a day"
        yield Mistake("data.time", problem, remedy)
    if odd and equal:
        examples = [f"{group(at)}{_duration(times[at] - times[at - 1])} before {_date(times[at])} (row {at})"
                    for at in odd[:MAX_EXAMPLES]]  # fmt: skip
        problem = f"steps are {_duration(usual)} except {len(odd)}: {'; '.join(examples)}{_and_more(len(odd))}"
        yield Mistake("data.time", problem, _equal_steps_remedy(times, slices, usual))


def _equal_steps_remedy(times: Moments, slices: Sequence[slice], usual: np.timedelta64) -> str:
    step, share = commonest_calendar_step(times, slices)
    rows = "data.step=row (each row is one step, whatever the time between them)"
    if step == "1B" and share > CALENDAR_SHARE:
        return f"{rows}, or data.resample=1B (holidays become gaps)"
    return f"data.resample={step if share > CALENDAR_SHARE else _offset(usual)} (missing steps become gaps), or {rows}"


def equal_steps(times: Moments, starts: Ints) -> bool:
    """Return whether all steps inside groups have the same length."""
    slices = _group_slices(starts)
    usual = _usual_step(times, slices)
    return all(bool((np.abs(np.diff(times[part]) - usual) <= ROUNDING).all()) for part in slices)


def calendar_of(times: Moments, starts: Ints) -> str:
    """Return the calendar step that every step is, else ""."""
    step, share = commonest_calendar_step(times, _group_slices(starts))
    return step if share == 1 else ""


def usual_step(times: Moments, starts: Ints) -> np.timedelta64:
    """Return the commonest step forward inside groups."""
    return _usual_step(times, _group_slices(starts))


def _group_slices(starts: Ints) -> list[slice]:
    return [slice(int(start), int(stop)) for start, stop in pairwise(starts)]


def _usual_step(times: Moments, slices: Sequence[slice]) -> np.timedelta64:
    counts: Counter[int] = Counter()
    for part in slices:
        steps, number = np.unique(np.diff(times[part]).astype("timedelta64[us]").astype(np.int64), return_counts=True)
        counts.update(dict(zip(steps.tolist(), number.tolist(), strict=True)))
    forward = {step: count for step, count in counts.items() if step > 0}
    return np.timedelta64(max(forward, key=lambda step: forward[step], default=0), "us")


def _missing_group_hint(groups: Sequence[str]) -> str:
    """The likeliest cause where no group column is named: rows of several series."""
    return (
        "name their column in data.group if these are several series (stations); else "
        if tuple(groups) == ("",)
        else ""
    )


def _and_more(count: int) -> str:
    return f" and {count - MAX_EXAMPLES} more" if count > MAX_EXAMPLES else ""


def resampled(
    times: Moments, starts: Ints, values: Floats, codes: Codes | None, step: str
) -> tuple[Moments, Ints, Floats, Codes | None]:
    """Return times, starts, values and codes at equal steps in each group. A step has the mean of the values of its
    rows and the class of its last row; a step without rows is a gap.

    step: a length of time or a calendar step. Raises RequestError for another text and for too many steps.
    """
    steps = _parsed_step(times, step)
    bins = steps.number(times)
    _refuse_too_many(times, bins, starts, step)
    parts, new_times, new_codes, new_starts = [], [], [], [0]
    for start, stop in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        place = (bins[start:stop] - bins[start]).astype(np.int64)
        count = int(place[-1]) + 1
        part = np.full((count, values.shape[1]), np.nan, np.float32)
        for column in range(values.shape[1]):
            known = ~np.isnan(values[start:stop, column])
            total = np.bincount(place[known], values[start:stop, column][known], count)
            number = np.bincount(place[known], minlength=count)
            np.divide(total, number, out=part[:, column], where=number > 0, casting="unsafe")
        parts.append(part)
        new_times.append(steps.start(bins[start] + np.arange(count)))
        if codes is not None:
            code = np.full(count, MISSING, np.int16)
            code[place] = codes[start:stop]
            new_codes.append(code)
        new_starts.append(new_starts[-1] + count)
    joined = np.concatenate(new_codes) if codes is not None else None
    return np.concatenate(new_times), np.array(new_starts, np.int64), np.concatenate(parts), joined


@dataclass(frozen=True)
class _FixedStep:
    """A step of fixed length, counted from the day of the first row."""

    first: np.datetime64
    length: np.timedelta64

    def number(self, times: Moments) -> Ints:
        steps: Ints = (times - self.first) // self.length
        return steps

    def start(self, numbers: Ints) -> Moments:
        moments: Moments = (self.first + numbers * self.length).astype("datetime64[us]")
        return moments


def _parsed_step(times: Moments, step: str) -> "_FixedStep | CalendarStep":
    try:
        parsed = parse_step(step)
    except (ValueError, TypeError) as error:
        other = accepted_spelling(step)
        remedy = f"data.resample={other}" if other else "data.resample=1D, 1h, 15min, 20ms, 1MS, 1QS, 1YS or 1B"
        problem = "is neither a length of time nor a calendar step"
        raise RequestError(Mistake("data.resample", problem, remedy, step)) from error
    return parsed if isinstance(parsed, CalendarStep) else _FixedStep(times.min().astype("datetime64[D]"), parsed)


def _refuse_too_many(times: Moments, bins: Ints, starts: Ints, step: str) -> None:
    """Refuse a step that makes too many rows: with steps of a second, a mistyped year would need more memory than
    exists."""
    counts = bins[starts[1:] - 1] - bins[starts[:-1]] + 1
    if int(counts.sum()) > max(MAX_STEPS, MAX_STEPS_PER_ROW * len(times)):
        part = int(counts.argmax())
        first, last = (_date(times[row]) for row in (starts[part], starts[part + 1] - 1))
        problem = (f"makes {int(counts.sum()):,} steps from {len(times):,} rows; "
                   f"the longest series goes from {first} to {last}")  # fmt: skip
        raise RequestError(Mistake("data.resample", problem, "a longer step, or correct the time stamps", step))


def _group_prefix(groups: Sequence[str], number: int) -> str:
    return f"group {groups[number]!r}, " if groups[number] else ""


def _date(moment: np.datetime64) -> str:
    return iso_text(moment).replace("T00:00:00", "").replace("T", " ")


def _duration(step: np.timedelta64) -> str:
    return str(pd.Timedelta(step)).replace(" 00:00:00", "").replace("0 days ", "")


def _offset(step: np.timedelta64) -> str:
    count = int(step.astype("timedelta64[us]").astype(np.int64))
    units = (("D", 86_400_000_000), ("h", 3_600_000_000), ("min", 60_000_000), ("s", 1_000_000), ("ms", 1000))
    for unit, size in units:
        if count % size == 0:
            return f"{count // size}{unit}"
    return f"{count}us"
