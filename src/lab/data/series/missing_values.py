"""Missing values of a panel: they are counted, then filled from the past, filled inside each window, or left out.

No value comes from another group or from after a window's newest sample: a line through a gap would use its far end,
which is unknown at the time of a forecast. Shapes: N rows, C columns, B windows, T steps, W windows of a group.
"""

import numpy as np
import numpy.typing as npt

from lab.data.series.panel import Floats, Panel

Bools = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]


def counts(panel: Panel) -> dict[str, int]:
    """Return the number of missing values of each column."""
    return {name: int(np.isnan(panel.values[:, place]).sum()) for place, name in enumerate(panel.columns)}


def fill_forward(panel: Panel) -> None:
    """Fill each gap with the last value before it in the same group, in place; gaps before the first value stay."""
    for _, part in panel.parts():
        for place in range(panel.values.shape[1]):
            column = panel.values[part, place]
            last_known = np.where(np.isnan(column), 0, np.arange(len(column), dtype=np.int32))
            column[:] = column[np.maximum.accumulate(last_known)]


def complete_windows(values: Floats, window: int) -> Bools:
    """Return (W,): windows of one group's values (N, C) without missing values; W = N - window + 1."""
    complete: Bools = _num_missing(np.logical_or.reduce(np.isnan(values), axis=1), window) == 0
    return complete


def windows_with_empty_column(values: Floats, window: int) -> tuple[Bools, int]:
    """Return (W,) windows in which some column has no value, and the number of the first such column, else -1."""
    any_empty, first = np.zeros(len(values) - window + 1, np.bool_), -1
    for place in range(values.shape[1]):
        empty = _num_missing(np.isnan(values[:, place]), window) == window
        if first < 0 and empty.any():
            first = place
        any_empty |= empty
    return any_empty, first


def _num_missing(gap: Bools, window: int) -> npt.NDArray[np.int32]:
    """Number of missing steps of each window."""
    total = np.zeros(len(gap) + 1, np.int32)
    np.cumsum(gap, out=total[1:])
    counted: npt.NDArray[np.int32] = total[window:] - total[:-window]
    return counted


class Interpolation:
    """The lines that windows get through their gaps, computed once for the whole panel.

    values: (N, C); starts: (G + 1,) first row of each group, then N. In a window, a gap with observed values on both
    sides is a straight line between these, the same in every window: `filled` (N, C) has these lines. Only gaps at the
    ends of a window differ from window to window: there the first or the last observed value of the window extends to
    its end. Memory: a copy of the panel and 8 bytes per gap.
    """

    def __init__(self, values: Floats, starts: npt.NDArray[np.integer]) -> None:
        self.filled = values.copy()
        self._gaps = [_gaps(np.isnan(column), starts) for column in values.T]
        for column, (first, stop) in zip(self.filled.T, self._gaps, strict=True):
            _draw_lines(column, first, stop, starts)

    def windows(self, first: Rows, last: Rows, places: Rows) -> Floats:
        """Return the filled windows (B, T, C).

        first, last: (B,) their first and last rows in the panel; places: (B, T) all their rows, where padding on the
        left may have any row. A column without observed values in a window is 0.
        """
        values: Floats = self.filled[places]
        length = places.shape[1]
        begins = length - 1 - (last - first)
        for column, (gap_first, gap_stop) in enumerate(self._gaps):
            if not len(gap_first):
                continue
            known_first, known_last = _stop_of_gap(first, gap_first, gap_stop), _start_of_gap(last, gap_first, gap_stop)
            for row in np.flatnonzero((known_first > first) | (known_last < last)).tolist():
                window = values[row, begins[row] :, column]
                if known_first[row] > last[row]:
                    window[:] = 0
                    continue
                low, high = known_first[row] - first[row], known_last[row] - first[row]
                window[:low], window[high + 1 :] = window[low], window[high]
        return values


def _gaps(missing: Bools, starts: npt.NDArray[np.integer]) -> tuple[Rows, Rows]:
    """The first row of each gap of a column (N,), and the row after its last one. A gap is inside one group."""
    begins, ends = missing.copy(), missing.copy()
    begins[1:] &= ~missing[:-1]
    begins[starts[:-1]] = missing[starts[:-1]]
    ends[:-1] &= ~missing[1:]
    ends[starts[1:] - 1] = missing[starts[1:] - 1]
    return np.flatnonzero(begins), np.flatnonzero(ends) + 1


def _draw_lines(column: Floats, first: Rows, stop: Rows, starts: npt.NDArray[np.integer]) -> None:
    """Fill the gaps of a column (N,) that have a value of the same group on both sides, in place."""
    between = ~np.isin(first, starts[:-1]) & ~np.isin(stop, starts[1:])
    first, lengths = first[between], (stop - first)[between]
    steps = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    low, high = np.repeat(column[first - 1], lengths), np.repeat(column[first + lengths], lengths)
    share = (steps + 1) / np.repeat(lengths + 1, lengths)
    column[np.repeat(first, lengths) + steps] = low + (high - low) * share


def _stop_of_gap(rows: Rows, first: Rows, stop: Rows) -> Rows:
    """The first row from each of `rows` (B,) on that is in no gap."""
    gap = np.maximum(np.searchsorted(first, rows, side="right") - 1, 0)
    return np.where((first[gap] <= rows) & (rows < stop[gap]), stop[gap], rows)


def _start_of_gap(rows: Rows, first: Rows, stop: Rows) -> Rows:
    """The last row up to each of `rows` (B,) that is in no gap."""
    gap = np.maximum(np.searchsorted(first, rows, side="right") - 1, 0)
    return np.where((first[gap] <= rows) & (rows < stop[gap]), first[gap] - 1, rows)
