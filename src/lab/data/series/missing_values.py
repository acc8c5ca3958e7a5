"""Missing values of a panel: counted first, then filled from the past, or inside each window, or left out.

Nothing is taken from another group, and nothing from after a window's newest sample: a line drawn through a gap at the
time of a forecast would know its far end. Shapes: N rows, C columns, B windows, T steps, W windows of a group.
"""

import numpy as np
import numpy.typing as npt

from lab.data.series.panel import Floats, Panel

Bools = npt.NDArray[np.bool_]


def counts(panel: Panel) -> dict[str, int]:
    """Missing values of each column."""
    return {name: int(np.isnan(panel.values[:, place]).sum()) for place, name in enumerate(panel.columns)}


def fill_forward(panel: Panel) -> None:
    """Put the last value seen in the same group into each gap, in place; what comes before the first stays a gap."""
    for _, part in panel.parts():
        for place in range(panel.values.shape[1]):
            column = panel.values[part, place]
            seen = np.where(np.isnan(column), 0, np.arange(len(column), dtype=np.int32))
            column[:] = column[np.maximum.accumulate(seen)]


def whole(values: Floats, window: int) -> Bools:
    """(W,): windows of one group's values (N, C) in which nothing is missing; W = N - window + 1."""
    found: Bools = _missing(np.logical_or.reduce(np.isnan(values), axis=1), window) == 0
    return found


def blank(values: Floats, window: int) -> tuple[Bools, int]:
    """(W,): windows in which some column has no value at all, and the number of the first such column, else -1."""
    found, first = np.zeros(len(values) - window + 1, np.bool_), -1
    for place in range(values.shape[1]):
        none = _missing(np.isnan(values[:, place]), window) == window
        if first < 0 and none.any():
            first = place
        found |= none
    return found, first


def _missing(gap: Bools, window: int) -> npt.NDArray[np.int32]:
    """How many steps of each window are gaps."""
    total = np.zeros(len(gap) + 1, np.int32)
    np.cumsum(gap, out=total[1:])
    counted: npt.NDArray[np.int32] = total[window:] - total[:-window]
    return counted


def interpolated(values: Floats, observed: Bools) -> Floats:
    """Lines between the observed values of each window and column (B, T, C); before the first and after the last of
    them their value goes on. A column without any stays 0."""
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
