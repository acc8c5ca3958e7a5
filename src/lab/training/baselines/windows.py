"""Linear models of windows beside a run: logistic regression on the last values, ridge on statistics of the window.

Shapes: N windows, T steps, C channels, D features.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import numpy.typing as npt

from lab.config.schema import BaselinesConfig
from lab.data.series.datamodule import SeriesDataModule
from lab.models.classifier import Classifier
from lab.training.baselines.base import Baseline, Labels, SplitRows
from lab.training.baselines.fitted import SEED, SimpleModel, drawn
from lab.training.baselines.scoring import logit_baseline, named
from lab.training.baselines.stored import Outputs

KINDS: dict[str, Literal["lags", "statistics"]] = {"logistic_lags": "lags", "ridge": "statistics"}
"""By name of the baseline, the kind of `SeriesLinear`."""
CHUNK = 1000
"""Windows that are read at once."""
MOST_NUMBERS = 20_000_000
"""Features of all rows that a model is fitted on: 80 MB."""
MOST_SEARCHED = 2_000_000
"""Features of all rows times classes up to which validation rows choose among all lags and penalties; beyond, all lags
that are read have the middle penalty."""
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Windows:
    """The windows of a data set as features of one kind. num_lags: last values that are read."""

    data: SeriesDataModule
    kind: Literal["lags", "statistics"]
    num_lags: int

    @property
    def width(self) -> int:
        """D, without the columns that mark missing values."""
        return len(self.data.spec.channels) * (self.num_lags if self.kind == "lags" else 6)

    def of(self, split: str, rows: npt.NDArray[np.int64]) -> Floats:
        """(N, D) for some rows of a split."""
        from lab.models.linear.window_features import lag_features, window_statistics

        parts = [np.empty((0, self.width), np.float32)]
        for start in range(0, len(rows), CHUNK):
            values, observed = self.data.rows[split].arrays(rows[start : start + CHUNK])
            lags = self.kind == "lags"
            parts.append(lag_features(values, observed, self.num_lags) if lags else window_statistics(values, observed))
        return np.concatenate(parts)


def window_models(
    config: BaselinesConfig, model: Classifier, data: SeriesDataModule, rows: SplitRows
) -> Iterator[SimpleModel]:
    """Yield both models; where `rows` has validation windows, these choose the penalty and the lags, and calibrate."""
    head, splits = data.spec.heads[0], data.series.splits
    truth = {split: {head.name: splits[split].at(kept).labels.astype(np.int64)} for split, kept in rows.items()}
    for name, kind in KINDS.items():
        compute = partial(_fitted, config, data, rows, truth, kind)
        yield SimpleModel(name, {"max_rows": config.max_rows}, compute, partial(_scored, name, truth, model))


def _scored(name: str, truth: Mapping[str, Labels], model: Classifier, outputs: Outputs) -> Baseline:
    return logit_baseline(name, outputs, truth, model)


def _fitted(
    config: BaselinesConfig,
    data: SeriesDataModule,
    rows: SplitRows,
    truth: Mapping[str, Labels],
    kind: Literal["lags", "statistics"],
) -> Outputs:
    from lab.models.linear.series import LAGS, PENALTIES, SeriesLinear

    data.setup("fit")
    data.setup("test")
    head, train = data.spec.heads[0], data.series.splits["train"]
    windows = Windows(data, kind, min(max(LAGS), data.spec.length))
    most = config.model_copy(update={"max_rows": min(config.max_rows, max(1000, MOST_NUMBERS // windows.width))})
    places, note = drawn(len(train), most)
    searched = len(places) * windows.width * head.num_classes <= MOST_SEARCHED
    penalties, lags = (PENALTIES, LAGS) if searched else (PENALTIES[len(PENALTIES) // 2 :][:1], (windows.num_lags,))
    held_out = {split: windows.of(split, kept) for split, kept in rows.items()}
    val = (held_out["val"], truth["val"][head.name]) if "val" in rows else None
    labels = train.at(places).labels.astype(np.int64)
    fitted = SeriesLinear.fit(
        kind, windows.of("train", places), labels, head.num_classes, len(data.spec.channels), val, penalties, lags,
        seed=SEED, past_labels=data.spec.past_labels,
    )  # fmt: skip
    arrays = {named(split, 0): fitted.scored(each) for split, each in held_out.items()}
    return Outputs(arrays, "; ".join([each for each in (note, fitted.head.note) if each]) or None)
