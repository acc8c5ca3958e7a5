"""The reference of series: values of each channel in the training rows, and the missing share of each column.

Values are in the units of the model: after log1p, filling and scaling.
"""

import numpy as np

from lab.core.reference.content import VALUE, Reference
from lab.data.series.datamodule import SeriesDataModule
from lab.training.reference.texts import head_counts

MOST_ROWS = 200_000


def series_reference(data: SeriesDataModule) -> Reference:
    """Return the reference of windows or cases, without what the model predicts."""
    series = data.series
    reference = Reference(head_counts(data.spec.heads))
    rows = train_rows(data)
    missing = series.facts.get("missing")
    for place, column in enumerate(series.panel.columns[: series.num_measured]):
        subject = VALUE.format(column)
        reference.add_numbers(subject, series.panel.values[rows, place], "units of the model")
        if subject in reference.numbers and isinstance(missing, dict):
            counted, num = reference.numbers[subject].histogram, len(series.panel.values)
            counted.missing = round(counted.num * missing[column] / max(1, num - missing[column]))
    return reference


def train_rows(data: SeriesDataModule) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """Rows of the panel that lie in a training window, at most `MOST_ROWS` of them at equal distances."""
    cut = data.series.splits["train"]
    ends, lengths = cut.ends.astype(np.int64), cut.lengths.astype(np.int64)
    changes = np.bincount(ends - lengths + 1, minlength=len(data.series.panel.values) + 1)
    changes = changes - np.bincount(ends + 1, minlength=len(changes))
    rows = np.flatnonzero(np.cumsum(changes) > 0)
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), MOST_ROWS)).astype(np.int64))]
