"""Time stamps of a long table: their order, repeats, and whether steps are equal, told by group and row.

Why equal steps: a window is so many rows, and has to mean the same stretch of time wherever it is cut. Shapes: N rows,
G groups; `starts` (G + 1,) as in `Panel`.
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
from lab.data.readers.timestamps.calendar_steps import Calendar, fitting, length, meant
from lab.data.series.panel import Codes, Floats, Ints, written

Moments = npt.NDArray[np.datetime64]
ZERO = np.timedelta64(0, "us")
ROUNDED = np.timedelta64(1, "us")
"""What a step of no whole microseconds (1/30 s) may differ by."""
MOST_STEPS, MOST_FILLED = 10_000_000, 100
"""More steps than this, and than so many for each row, are taken for a mistake."""
MOSTLY = 0.6
"""Share of steps of the calendar from which a table is taken for one of such steps."""
SHOWN = 5
"""Places of one kind that are told."""


def ordered(times: Moments, of_row: npt.NDArray[np.integer], sort: bool, groups: Sequence[str]) -> Ints | None:
    """Rows by group, in the order of time where `sort`; None where they lie so already.

    Raises RequestError, naming groups and rows, for time stamps that go back although nobody asked to sort.
    """
    apart = None if bool((of_row[1:] >= of_row[:-1]).all()) else np.argsort(of_row, kind="stable")
    seen, group = (times, of_row) if apart is None else (times[apart], of_row[apart])
    back = np.flatnonzero((seen[1:] < seen[:-1]) & (group[1:] == group[:-1])) + 1
    if not len(back):
        return apart
    if sort:
        by_time: Ints = np.lexsort((times, of_row))
        return by_time
    rows = back if apart is None else apart[back]
    told = [f"{_named(groups, int(group[at]))}row {row} ({_shown(seen[at])} after {_shown(seen[at - 1])})"
            for at, row in zip(back[:SHOWN].tolist(), rows[:SHOWN].tolist(), strict=True)]  # fmt: skip
    more = f" and {len(back) - SHOWN} more" if len(back) > SHOWN else ""
    remedy = f"{_apart(groups)}data.sort=true"
    raise RequestError(Mistake("data.time", f"goes back in time: {'; '.join(told)}{more}", remedy))


def step_mistakes(times: Moments, starts: Ints, groups: Sequence[str], equal: bool) -> Iterator[Mistake]:
    """Time stamps that come twice in a group and, where they are to be equal, steps that differ from the commonest."""
    parts = _parts(starts)
    usual = _usual(times, parts)
    twice: list[int] = []
    odd: list[int] = []
    for part in parts:  # one group at a time: the steps of all would be as large as the time stamps
        steps = np.diff(times[part])
        twice += (part.start + 1 + np.flatnonzero(steps == ZERO)).tolist()
        odd += (part.start + 1 + np.flatnonzero((steps > ZERO) & (np.abs(steps - usual) > ROUNDED))).tolist()

    def group(row: int) -> str:
        return _named(groups, int(np.searchsorted(starts, row, side="right")) - 1)

    if twice:
        told = [f"{group(at)}{_shown(times[at])} (row {at})" for at in twice[:SHOWN]]
        problem = f"{len(twice)} time stamps come twice: {'; '.join(told)}{_more(len(twice))}"
        remedy = f"{_apart(groups)}take one row of each out, or data.resample=STEP for their mean"
        yield Mistake("data.time", problem, remedy)
    if odd and equal:
        told = [f"{group(at)}{_span(times[at] - times[at - 1])} before {_shown(times[at])} (row {at})"
                for at in odd[:SHOWN]]  # fmt: skip
        problem = f"steps are {_span(usual)} but for {len(odd)}: {'; '.join(told)}{_more(len(odd))}"
        yield Mistake("data.time", problem, _regular(times, parts, usual))


def _regular(times: Moments, parts: Sequence[slice], usual: np.timedelta64) -> str:
    """What to type for steps that are not equal."""
    written, share = fitting(times, parts)
    rows = "data.step=row (each row is one step, whatever time lies between)"
    if written == "1B" and share > MOSTLY:
        return f"{rows}, or data.resample=1B (which makes gaps of holidays)"
    return f"data.resample={written if share > MOSTLY else _offset(usual)} (which makes gaps of them), or {rows}"


def equal_steps(times: Moments, starts: Ints) -> bool:
    """Whether all steps inside groups have the same length."""
    parts = _parts(starts)
    usual = _usual(times, parts)
    return all(bool((np.abs(np.diff(times[part]) - usual) <= ROUNDED).all()) for part in parts)


def calendar_of(times: Moments, starts: Ints) -> str:
    """The step of the calendar that every step is, else nothing."""
    written, share = fitting(times, _parts(starts))
    return written if share == 1 else ""


def _parts(starts: Ints) -> list[slice]:
    return [slice(int(start), int(stop)) for start, stop in pairwise(starts)]


def usual_step(times: Moments, starts: Ints) -> np.timedelta64:
    """The commonest step forward inside groups."""
    return _usual(times, _parts(starts))


def _usual(times: Moments, parts: Sequence[slice]) -> np.timedelta64:
    """The commonest step forward inside groups."""
    counts: Counter[int] = Counter()
    for part in parts:
        steps, found = np.unique(np.diff(times[part]).astype("timedelta64[us]").astype(np.int64), return_counts=True)
        counts.update(dict(zip(steps.tolist(), found.tolist(), strict=True)))
    forward = {step: count for step, count in counts.items() if step > 0}
    return np.timedelta64(max(forward, key=lambda step: forward[step], default=0), "us")


def _apart(groups: Sequence[str]) -> str:
    """The likeliest cause where no group is named: rows of several series."""
    return "data.group=COLUMN if these are several series (stations); else " if tuple(groups) == ("",) else ""


def _more(count: int) -> str:
    return f" and {count - SHOWN} more" if count > SHOWN else ""


def resampled(
    times: Moments, starts: Ints, values: Floats, codes: Codes | None, step: str
) -> tuple[Moments, Ints, Floats, Codes | None]:
    """Equal steps in each group, of a length or of the calendar: the mean of what falls into one, the last class; a
    step without a row is a gap."""
    steps = _bins(times, step)
    bins = steps.number(times)
    _refuse_explosion(times, bins, starts, step)
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
class _Lengths:
    """Steps of one length, counted from the day of the first row."""

    first: np.datetime64
    length: np.timedelta64

    def number(self, times: Moments) -> Ints:
        found: Ints = (times - self.first) // self.length
        return found

    def start(self, numbers: Ints) -> Moments:
        found: Moments = (self.first + numbers * self.length).astype("datetime64[us]")
        return found


def _bins(times: Moments, step: str) -> "_Lengths | Calendar":
    try:
        found = length(step)
    except (ValueError, TypeError) as error:
        other = meant(step)
        remedy = f"data.resample={other}" if other else "data.resample=1D, 1h, 15min, 20ms, 1MS, 1QS, 1YS or 1B"
        problem = "is no length of time, nor a step of the calendar"
        raise RequestError(Mistake("data.resample", problem, remedy, step)) from error
    return found if isinstance(found, Calendar) else _Lengths(times.min().astype("datetime64[D]"), found)


def _refuse_explosion(times: Moments, bins: Ints, starts: Ints, step: str) -> None:
    """One mistyped year among steps of a second asks for more memory than there is."""
    counts = bins[starts[1:] - 1] - bins[starts[:-1]] + 1
    if int(counts.sum()) > max(MOST_STEPS, MOST_FILLED * len(times)):
        part = int(counts.argmax())
        first, last = (_shown(times[row]) for row in (starts[part], starts[part + 1] - 1))
        problem = (f"makes {int(counts.sum()):,} steps of {len(times):,} rows; "
                   f"the longest series goes from {first} to {last}")  # fmt: skip
        raise RequestError(Mistake("data.resample", problem, "a longer step, or mend the time stamps", step))


def _named(groups: Sequence[str], number: int) -> str:
    return f"group {groups[number]!r}, " if groups[number] else ""


def _shown(moment: np.datetime64) -> str:
    return written(moment).replace("T00:00:00", "").replace("T", " ")


def _span(step: np.timedelta64) -> str:
    return str(pd.Timedelta(step)).replace(" 00:00:00", "").replace("0 days ", "")


def _offset(step: np.timedelta64) -> str:
    count = int(step.astype("timedelta64[us]").astype(np.int64))
    units = (("D", 86_400_000_000), ("h", 3_600_000_000), ("min", 60_000_000), ("s", 1_000_000), ("ms", 1000))
    for unit, size in units:
        if count % size == 0:
            return f"{count // size}{unit}"
    return f"{count}us"
