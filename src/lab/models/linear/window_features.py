"""Features of windows for linear models: the last values, and statistics. Shapes: N windows, T time steps, C channels.

A missing value counts for nothing, and a feature without any value is NaN.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]


def lag_features(values: Floats, observed: Bools, num_lags: int) -> Floats:
    """(N, num_lags C): the last values of each channel, newest first; NaN where missing or before the window."""
    num_rows, length, num_channels = values.shape
    kept = np.where(observed, values, np.nan)[:, ::-1][:, :num_lags]
    padded = np.full((num_rows, num_lags, num_channels), np.nan, dtype=np.float32)
    padded[:, : min(length, num_lags)] = kept
    return padded.reshape(num_rows, -1)


def window_statistics(values: Floats, observed: Bools) -> Floats:
    """(N, 6 C): mean, deviation, least, largest, last value and slope per step of each channel; NaN without values."""
    num = observed.sum(1)
    counted, none = np.maximum(num, 1), num == 0
    kept = np.where(observed, values, 0.0).astype(np.float64)
    mean = kept.sum(1) / counted
    centred = np.where(observed, values - mean[:, None], 0.0)
    deviation = np.sqrt(np.square(centred).sum(1) / counted)
    least = np.where(observed, values, np.inf).min(1)
    largest = np.where(observed, values, -np.inf).max(1)
    newest = observed.shape[1] - 1 - observed[:, ::-1].argmax(1)
    last = np.take_along_axis(values, newest[:, None], axis=1)[:, 0]
    steps = np.where(observed, np.arange(observed.shape[1])[None, :, None], 0.0)
    from_middle = np.where(observed, steps - (steps.sum(1) / counted)[:, None], 0.0)
    slope = (from_middle * centred).sum(1) / np.maximum(np.square(from_middle).sum(1), 1e-12)
    table = np.stack([mean, deviation, least, largest, last, slope], axis=1)
    return np.where(none[:, None], np.nan, table).reshape(len(values), -1).astype(np.float32)
