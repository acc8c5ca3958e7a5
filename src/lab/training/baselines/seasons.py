"""Seasonal persistence: the class one season before the moment that is predicted, of series with a rule of labels.

A season is 24 hours for steps that divide a day, 7 days for daily steps, and 12 months for monthly ones. A class that
is not known yet at the newest sample of a window is not used: with a horizon beyond a season, so many seasons back.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from lab.core.batches import MISSING
from lab.data.series.dataset import SeriesSet
from lab.data.series.panel import Cut, Panel
from lab.training.baselines.base import Baseline
from lab.training.baselines.label_rules import Ints, label_scores

DAY_US = 86_400_000_000
MONTH_DAYS = (28, 31)
"""Days of the shortest and the longest month."""


def season_steps(panel: Panel) -> int | None:
    """Return the rows of a season; None where the spacing of the rows suggests none."""
    if panel.row_times is not None:  # steps of a calendar, or unequal ones
        known = panel.row_times[int(panel.starts[0]) : int(panel.starts[1])]
        days = np.diff(known).astype("timedelta64[us]").astype(np.int64) / DAY_US
        return 12 if len(days) and MONTH_DAYS[0] <= days.min() and days.max() <= MONTH_DAYS[1] else None
    step = int(panel.step.astype("timedelta64[us]").astype(np.int64))
    if step == DAY_US:
        return 7
    return DAY_US // step if 0 < step < DAY_US and DAY_US % step == 0 else None


def seasonal_persistence(series: SeriesSet, cuts: Mapping[str, Cut]) -> Iterator[Baseline]:
    """Yield the baseline; nothing without a rule of labels or a season, or where persistence says the same."""
    season = season_steps(series.panel) if series.has_times else None
    if series.row_classes is None or season is None:
        return
    back = -(-series.horizon // season) * season - series.horizon
    if back == 0:
        return
    predicted = {split: {series.head.name: _classes(series, cut, back)} for split, cut in cuts.items()}
    scores = {
        split: label_scores(guess[series.head.name], cuts[split].labels.astype(np.int64), series.head)
        for split, guess in predicted.items()
    }
    yield Baseline("seasonal_persistence", scores, predicted)


def _classes(series: SeriesSet, cut: Cut, back: int) -> Ints:
    """(W,) the class `back` rows before the newest sample, or the most frequent one where it is unknown."""
    assert series.row_classes is not None
    rows = cut.ends.astype(np.int64) - back
    inside = rows >= series.panel.starts[series.panel.group_of(cut.ends)]
    classes = np.where(inside, series.row_classes[np.where(inside, rows, 0)], MISSING).astype(np.int64)
    return np.where(classes == MISSING, int(np.argmax(series.head.counts)), classes)
