"""Missing values of a panel: they are counted, then filled from the past, filled inside each window, or left out.

No value comes from another group or from after a window's newest sample: a line through a gap would use its far end,
which is unknown at the time of a forecast. Shapes: N rows, C columns, B windows, T steps, W windows of a group.
"""

import numpy as np
import numpy.typing as npt

from lab.data.series.panel import Floats, Panel

Bools = npt.NDArray[np.bool_]


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


def interpolated(values: Floats, observed: Bools) -> Floats:
    """Return windows (B, T, C) with lines between the observed values of each column. The first and the last observed
    value extend to the ends of the window; a column without values becomes 0."""
    length = values.shape[1]
    steps = np.arange(length, dtype=np.int32)[None, :, None]
    before = np.maximum.accumulate(np.where(observed, steps, -1), axis=1)
    after = np.minimum.accumulate(np.where(observed, steps, length)[:, ::-1], axis=1)[:, ::-1]
    left = np.where(before < 0, after, before).clip(0, length - 1)
    right = np.where(after >= length, before, after).clip(0, length - 1)
    low, high = np.take_along_axis(values, left, 1), np.take_along_axis(values, right, 1)
    share = (steps - left) / np.maximum(right - left, 1)
    filled = np.where(observed, values, low + (high - low) * share)
    any_seen = observed.any(1, keepdims=True)
    return np.where(any_seen, filled, 0).astype(np.float32)
