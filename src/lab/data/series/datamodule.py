"""Windows as batches. Values are gathered from the panel when a batch is made, so no window is copied before.

Rows shorter than the longest of a batch are padded on the left. Shapes: B rows, T steps, C columns.
Cost: a gather of B * T * C floats per batch, and about ten passes over them with `missing_values=interpolate`.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset

from lab.config.schema import Series
from lab.core.batches import HeadSpec, SeriesBatch, SeriesSpec
from lab.core.errors import listed
from lab.data.batch_sampler import Draw
from lab.data.cache.hidden_states import States
from lab.data.datamodule import DataModule
from lab.data.series.dataset import SeriesSet
from lab.data.series.missing_values import interpolated
from lab.data.series.panel import Cut, Floats


class SeriesRows(Dataset[SeriesBatch]):
    """The windows of one split: a draw gives its batch.

    missing_values: `interpolate` fills gaps by straight lines inside each window; `mask` adds a channel for each of the
    first `num_measured` columns, which is 1 at a missing value; otherwise missing values are 0 and not observed.
    """

    def __init__(self, values: Floats, cut: Cut, head: HeadSpec, missing_values: str | None, num_measured: int) -> None:
        self.values, self.cut, self.head, self.missing_values, self.num_measured = (
            values,
            cut,
            head,
            missing_values,
            num_measured,
        )
        self.states: States | None = None
        """Output of the frozen layers for each window, if batches contain it."""
        self.depth = 0

    def __len__(self) -> int:
        return len(self.cut)

    def __getitem__(self, draw: Draw) -> SeriesBatch:
        values, observed = self.arrays(draw.rows)
        window = np.bincount(self.cut.labels[draw.window], minlength=self.head.num_classes)
        return SeriesBatch(
            values=torch.from_numpy(values),
            observed=torch.from_numpy(observed),
            labels={self.head.name: torch.from_numpy(self.cut.labels[draw.rows].astype(np.int64))},
            rows=torch.from_numpy(draw.rows.astype(np.int64)),
            window_counts={self.head.name: torch.from_numpy(window)},
            states=None if self.states is None else self.states.padded(draw.rows, int(self.states.lengths[0])),
            depth=self.depth,
        )

    def arrays(self, rows: npt.NDArray[np.int64]) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Values (B, T, C), 0 if not observed, and a mask (B, T, C) of the observed ones."""
        lengths = self.cut.lengths[rows]
        back = np.arange(int(lengths.max()) - 1, -1, -1)
        inside = back < lengths[:, None]
        places = np.where(inside, self.cut.ends[rows].astype(np.int64)[:, None] - back, 0)
        values = self.values[places]
        missing = np.isnan(values)
        observed = inside[:, :, None] & ~missing
        values[~observed] = 0.0
        if self.missing_values == "interpolate" and not observed.all():
            values = interpolated(values, observed)
            values[~inside] = 0.0
            observed = np.broadcast_to(inside[:, :, None], values.shape).copy()
        elif self.missing_values == "mask":
            flags = (missing & inside[:, :, None])[:, :, : self.num_measured].astype(np.float32)
            values = np.concatenate([values, flags], 2)
            observed = np.concatenate([observed, np.broadcast_to(inside[:, :, None], flags.shape)], 2)
        return values, observed


class SeriesDataModule(DataModule[SeriesRows]):
    """The three splits of a set of series. accumulation: epoch -> micro-batches per optimizer step."""

    spec: SeriesSpec

    def __init__(
        self, series: SeriesSet, config: Series, accumulation: Callable[[int], int], seed: int, pin_memory: bool
    ) -> None:
        super().__init__(series.name, series.fingerprint, config, accumulation, seed, pin_memory)
        self.series = series
        longest = max(int(cut.lengths.max()) for cut in series.splits.values())
        self.spec = SeriesSpec((series.head,), series.channels, longest)

    @property
    def facts(self) -> dict[str, object]:
        return self.series.facts

    def summary(self) -> str:
        """One line about the number of windows and the share of each class."""
        series, train = self.series, self.series.splits["train"]
        rows = ", ".join(f"{split} {len(cut)}" for split, cut in series.splits.items())
        classes = zip(series.head.classes, series.head.counts, strict=True)
        shares = listed([f"{name} {count / len(train):.1%}" for name, count in classes])
        lengths = sorted({int(train.lengths.min()), int(train.lengths.max())})
        return (
            f"{rows} windows of {' to '.join(map(str, lengths))} steps, {len(series.channels)} channels; "
            f"{series.head.name} in training: {shares}"
        )

    def make_rows(self, split: str) -> SeriesRows:
        series = self.series
        return SeriesRows(
            series.panel.values, series.splits[split], series.head, series.missing_values, series.num_measured
        )

    def lengths(self, split: str) -> npt.NDArray[np.int32]:
        return self.rows[split].cut.lengths
