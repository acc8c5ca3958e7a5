"""Series in memory: the rows of all groups one after another, each group in the order of time, at equal steps.

One float32 array holds every value once; a window is two numbers, where it ends and how long it is, and its values are
a view of the array. Times are counted from each group's first, and kept only where steps are of the calendar or just
rows. Shapes: N rows, C columns, G groups.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int16]
Times = npt.NDArray[np.datetime64]


@dataclass
class Panel:
    """values: (N, C), NaN where missing. starts: (G + 1,) rows where groups start, the last one N.

    first: (G,) datetime64[us] of each group's first row, step: timedelta64[us] between rows, the commonest where kept
    says the moment of each row: (N,) datetime64[us], rising in each group. codes: (N,) class of each
    row, `MISSING` where unknown, where labels are a column; classes: their names.
    """

    columns: tuple[str, ...]
    values: Floats
    groups: tuple[str, ...]
    starts: Ints
    first: Times
    step: np.timedelta64
    codes: Codes | None = None
    classes: tuple[str, ...] = ()
    kept: Times | None = None

    def parts(self) -> Iterator[tuple[str, slice]]:
        """Each group's name and rows."""
        for number, name in enumerate(self.groups):
            yield name, slice(int(self.starts[number]), int(self.starts[number + 1]))

    def group_of(self, rows: npt.NDArray[np.integer]) -> Ints:
        """Number of the group of each row."""
        return np.searchsorted(self.starts, rows, side="right") - 1

    def times(self, rows: npt.NDArray[np.integer]) -> Times:
        """datetime64[us] of each row."""
        if self.kept is not None:
            kept: Times = self.kept[rows]
            return kept
        group = self.group_of(rows)
        found: Times = self.first[group] + (rows - self.starts[group]) * self.step
        return found

    def row_from(self, group: int, moment: np.datetime64) -> int:
        """First row of a group at or after a moment, at most the row behind its last."""
        if self.kept is not None:
            start, stop = int(self.starts[group]), int(self.starts[group + 1])
            return start + int(np.searchsorted(self.kept[start:stop], moment))
        steps = -int((self.first[group] - moment) // self.step)
        return int(np.clip(self.starts[group] + steps, self.starts[group], self.starts[group + 1]))

    def span(self) -> tuple[np.datetime64, np.datetime64]:
        """First and last moment of all groups."""
        if self.kept is not None:
            return self.first.min(), self.kept[self.starts[1:] - 1].max()
        lengths = np.diff(self.starts)
        return self.first.min(), (self.first + (lengths - 1) * self.step).max()


@dataclass(frozen=True)
class Cut:
    """The windows of one split, or its cases.

    ends: (W,) the row of each one's newest sample; lengths: (W,) steps; labels: (W,) class; now: (W,) class that the
    newest sample itself has under the rule that labels follow, `MISSING` where it was not observed, None without a
    rule.
    """

    ends: npt.NDArray[np.int32]
    lengths: npt.NDArray[np.int32]
    labels: npt.NDArray[np.int16]
    now: npt.NDArray[np.int16] | None = None

    def __len__(self) -> int:
        return len(self.ends)

    def at(self, kept: npt.NDArray[np.integer]) -> "Cut":
        """Some of the windows."""
        now = None if self.now is None else self.now[kept]
        return Cut(self.ends[kept], self.lengths[kept], self.labels[kept], now)


def written(moment: np.datetime64) -> str:
    """ISO 8601, with a fraction of a second where there is one."""
    return str(moment).removesuffix(".000000")


def joined(one: Cut, other: Cut) -> Cut:
    """The windows of both, in the order of their newest samples."""
    ends = np.concatenate([one.ends, other.ends])
    order = np.argsort(ends, kind="stable")
    now = None if one.now is None or other.now is None else np.concatenate([one.now, other.now])[order]
    lengths, labels = (
        np.concatenate([getattr(one, name), getattr(other, name)])[order] for name in ("lengths", "labels")
    )
    return Cut(ends[order], lengths, labels, now)
