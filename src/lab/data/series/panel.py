"""Series in memory: the rows of all groups, one group after another, each in the order of time and at equal steps.

One float32 array contains every value once. A window is two numbers, its end and its length, and its values are a view
of the array. Times are computed from each group's first time, and stored only for calendar steps and unequal steps.
Shapes: N rows, C columns, G groups, W windows.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int16]
Bools = npt.NDArray[np.bool_]
Times = npt.NDArray[np.datetime64]


@dataclass
class Panel:
    """Series of all groups.

    values: (N, C), NaN where missing. starts: (G + 1,) first row of each group, then N. first: (G,) datetime64[us] of
    each group's first row. step: timedelta64[us] between rows; if steps differ, the commonest step. row_times: (N,)
    datetime64[us] of each row, rising in each group, only given if steps differ. codes: (N,) class of each row if
    labels are a column, `MISSING` where unknown. classes: their names.
    """

    columns: tuple[str, ...]
    values: Floats
    groups: tuple[str, ...]
    starts: Ints
    first: Times
    step: np.timedelta64
    codes: Codes | None = None
    classes: tuple[str, ...] = ()
    row_times: Times | None = None

    def parts(self) -> Iterator[tuple[str, slice]]:
        """Return the name and the rows of each group."""
        for number, name in enumerate(self.groups):
            yield name, slice(int(self.starts[number]), int(self.starts[number + 1]))

    def group_of(self, rows: npt.NDArray[np.integer]) -> Ints:
        """Return the number of the group of each row."""
        return np.searchsorted(self.starts, rows, side="right") - 1

    def times(self, rows: npt.NDArray[np.integer]) -> Times:
        """Return the time of each row, datetime64[us]."""
        if self.row_times is not None:
            stored: Times = self.row_times[rows]
            return stored
        group = self.group_of(rows)
        times: Times = self.first[group] + (rows - self.starts[group]) * self.step
        return times

    def row_from(self, group: int, moment: np.datetime64) -> int:
        """Return the first row of a group at or after a moment, at most the row after its last."""
        if self.row_times is not None:
            start, stop = int(self.starts[group]), int(self.starts[group + 1])
            return start + int(np.searchsorted(self.row_times[start:stop], moment))
        steps = -int((self.first[group] - moment) // self.step)
        return int(np.clip(self.starts[group] + steps, self.starts[group], self.starts[group + 1]))

    def span(self) -> tuple[np.datetime64, np.datetime64]:
        """Return the first and the last moment of all groups."""
        if self.row_times is not None:
            return self.first.min(), self.row_times[self.starts[1:] - 1].max()
        lengths = np.diff(self.starts)
        return self.first.min(), (self.first + (lengths - 1) * self.step).max()


@dataclass(frozen=True)
class Cut:
    """The windows or cases of one split.

    ends: (W,) row of each window's newest sample; lengths: (W,) steps; labels: (W,) class; current_labels:
    (W,) class of the newest sample itself under the rule of labels, `MISSING` where it was not observed, None without a
    rule.
    """

    ends: npt.NDArray[np.int32]
    lengths: npt.NDArray[np.int32]
    labels: npt.NDArray[np.int16]
    current_labels: npt.NDArray[np.int16] | None = None

    def __len__(self) -> int:
        return len(self.ends)

    def at(self, kept: npt.NDArray[np.integer]) -> "Cut":
        """Return the windows at some places."""
        current = None if self.current_labels is None else self.current_labels[kept]
        return Cut(self.ends[kept], self.lengths[kept], self.labels[kept], current)


MOST_OF_PERIOD = 20
"""A block of time is at most this part of the period of the windows."""


def time_blocks(panel: Panel, cut: Cut) -> Ints:
    """Return the number (W,) of the block of time of each window, by its newest sample; groups share blocks.

    Neighbouring windows are alike: they share steps, and weather lasts. So a block is as long as a window, but at most
    a twentieth of the period, and at least the cube root of its steps (Kuensch 1989; Hall, Horowitz and Jing 1995).
    """
    if not len(cut):
        return np.zeros(0, np.int64)
    times = panel.times(cut.ends)
    steps = ((times - times.min()) // panel.step).astype(np.int64)
    period = int(steps.max()) + 1
    length = max(min(int(np.median(cut.lengths)), period // MOST_OF_PERIOD), round(period ** (1 / 3)), 1)
    blocks: Ints = steps // length
    return blocks


def sharing_steps(panel: Panel, cut: Cut, horizon: int, held: npt.NDArray[np.bool_], more: int = 0) -> Bools:
    """Return which windows (W,) share a moment with one of the `held` (W,), a stretch of time; groups share moments.

    The moments of a window are those of its inputs and its label, `horizon` steps after its newest sample. more: steps
    that have to lie between two windows beyond that. As between splits, no sample or label of one is then in the inputs
    of the other.
    """
    first, last = panel.times(cut.ends - cut.lengths + 1), panel.times(cut.ends + horizon)
    apart = more * panel.step
    shared: Bools = (first - apart <= last[held].max()) & (last + apart >= first[held].min())
    return shared


def iso_text(moment: np.datetime64) -> str:
    """Return a moment in ISO 8601, with a fraction of a second if it has one."""
    return str(moment).removesuffix(".000000")


def concatenated(first: Cut, second: Cut) -> Cut:
    """Return the windows of both, in the order of their newest samples."""
    ends = np.concatenate([first.ends, second.ends])
    order = np.argsort(ends, kind="stable")
    current = (
        None
        if first.current_labels is None or second.current_labels is None
        else np.concatenate([first.current_labels, second.current_labels])[order]
    )
    lengths, labels = (
        np.concatenate([getattr(first, name), getattr(second, name)])[order] for name in ("lengths", "labels")
    )
    return Cut(ends[order], lengths, labels, current)
