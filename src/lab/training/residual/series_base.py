"""The simple model below a network of series: logistic regression on the last values of a window (`SeriesLinear`).

Windows overlap, and groups (stations) share weather, so the folds of the out-of-fold logits are stretches of time, and
the model of a fold is fitted without the windows that share steps with it (a purge, as between the splits; Lopez de
Prado 2018, Advances in Financial Machine Learning, 7.4). Cases are folded one by one.
Shapes: N windows, D features, K classes.
"""

import logging
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from lab.core.batches import MISSING
from lab.data.series.datamodule import SeriesDataModule
from lab.data.series.dataset import SeriesSet
from lab.data.series.panel import Bools, Times, sharing_steps
from lab.models.linear.series import LAGS, SeriesLinear
from lab.models.linear.solver import FOLDS, Near
from lab.models.linear.window_features import lag_features
from lab.training.residual.simple_base import SEED, LogitsByHead, SimpleBase

log = logging.getLogger(__name__)
Labels = npt.NDArray[np.int64]
BATCH = 4096
"""Windows that are gathered at a time."""


class SeriesBase(SimpleBase[SeriesDataModule, SeriesLinear]):
    """Windows as the network reads them: scaled, with missing values marked."""

    model_type = SeriesLinear

    def fit(self, data: SeriesDataModule) -> SeriesLinear:
        head, channels = data.spec.heads[0], len(data.spec.channels)
        train, val = ((_features(data, split), _labels(data, split)) for split in ("train", "val"))
        return SeriesLinear.fit(
            "lags", *train, head.num_classes, channels, val, seed=SEED, past_labels=data.spec.past_labels
        )

    def out_of_fold(self, model: SeriesLinear, data: SeriesDataModule) -> LogitsByHead:
        features, labels = _features(data, "train"), _labels(data, "train")
        series, cut = data.series, data.series.splits["train"]
        groups = stretches(series.panel.times(cut.ends)) if series.has_times else np.arange(len(labels))
        near = _neighbours(series, labels) if series.has_times else None
        return {data.spec.heads[0].name: model.out_of_fold_logits(features, labels, groups, SEED, near)}

    def labels(self, data: SeriesDataModule) -> Mapping[str, Labels]:
        return {data.spec.heads[0].name: _labels(data, "train")}

    def logits(self, model: SeriesLinear, data: SeriesDataModule, split: str) -> LogitsByHead:
        return {data.spec.heads[0].name: model.scored(_features(data, split, model.num_lags))}


def stretches(times: Times) -> Labels:
    """Return the number (N,) of the stretch of time of each window: `FOLDS` with as many moments each. times: (N,)."""
    moments, place = np.unique(times, return_inverse=True)
    number: Labels = place * FOLDS // len(moments)
    return number


def _neighbours(series: SeriesSet, labels: Labels) -> Near:
    """Which training windows lie within the purge of a held-out stretch; none where too few windows would be left."""
    panel, cut = series.panel, series.splits["train"]
    more = max(0, series.purge - int(cut.lengths.max()) - series.horizon)

    def near(held: Bools) -> Bools:
        shared = sharing_steps(panel, cut, series.horizon, held, more)
        left = labels[~(held | shared)]
        if len(np.unique(left[left != MISSING])) >= 2:
            return shared
        log.info("model.base: a fold has no purge, since too few training windows share no step with it")
        return np.zeros_like(held)

    return near


def _labels(data: SeriesDataModule, split: str) -> Labels:
    return data.series.splits[split].labels.astype(np.int64)


def _features(data: SeriesDataModule, split: str, num_lags: int | None = None) -> npt.NDArray[np.float32]:
    """(N, D) of the windows of a split. num_lags: of the model; None: as many as may be chosen."""
    rows = data.rows[split]
    lags = num_lags or min(max(LAGS), data.spec.length)
    parts = [
        lag_features(*rows.arrays(np.arange(start, min(start + BATCH, len(rows)))), lags)
        for start in range(0, len(rows), BATCH)
    ]
    return np.concatenate(parts)
