"""Windows as batches. Values are gathered from the panel when a batch is made, so no window is copied before.

Rows shorter than the longest of a batch are padded on the left. Shapes: B rows, T steps, C columns.
Cost: a gather of B * T * C floats per batch; with `missing_values=interpolate` a second panel, filled once.
"""

from collections.abc import Callable
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset

from lab.config.schema import Series
from lab.core.batches import HeadSpec, SeriesBatch, SeriesSpec
from lab.core.errors import listed
from lab.data.batch_sampler import Draw
from lab.data.cache.hidden_states import States
from lab.data.dataloader import BaseLogits, known_labels, rows_of
from lab.data.datamodule import DataModule
from lab.data.series.dataset import SeriesSet
from lab.data.series.missing_values import Interpolation
from lab.data.series.panel import Cut, Floats


class SeriesRows(Dataset[SeriesBatch]):
    """The windows of one split: a draw gives its batch.

    interpolation: fills gaps by straight lines inside each window. Without it missing values are 0 and not observed;
    num_flags: then there is also a channel for each of so many first columns, which is 1 at a missing value.
    """

    def __init__(
        self,
        values: Floats,
        cut: Cut,
        head: HeadSpec,
        interpolation: Interpolation | None = None,
        num_flags: int = 0,
    ) -> None:
        self.values, self.cut, self.head = values, cut, head
        self.interpolation, self.num_flags = interpolation, num_flags
        self.states: States | None = None
        """Output of the frozen layers for each window, if batches contain it."""
        self.depth = 0
        self.base: BaseLogits | None = None
        """Logits of the simple model for each window, if the model starts from one."""

    def __len__(self) -> int:
        return len(self.cut)

    def __getitem__(self, draw: Draw) -> SeriesBatch:
        values, observed = self.arrays(draw.rows)
        if draw.is_filler:  # no norm counts it
            values[:], observed[:] = 0.0, False
        window = np.bincount(self.cut.labels[draw.window], minlength=self.head.num_classes)
        return SeriesBatch(
            values=torch.from_numpy(values),
            observed=torch.from_numpy(observed),
            labels={self.head.name: known_labels(self.cut.labels, draw)},
            rows=torch.from_numpy(draw.rows.astype(np.int64)),
            window_counts={self.head.name: torch.from_numpy(window)},
            states=None if self.states is None else self.states.padded(draw.rows, int(self.states.lengths[0])),
            depth=self.depth,
            whole=bool(observed.all()),
            base=rows_of(self.base, draw.rows),
            is_filler=draw.is_filler,
        )

    def arrays(self, rows: npt.NDArray[np.int64]) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Values (B, T, C), 0 if not observed, and a mask (B, T, C) of the observed ones."""
        lengths, last = self.cut.lengths[rows].astype(np.int64), self.cut.ends[rows].astype(np.int64)
        back = np.arange(int(lengths.max()) - 1, -1, -1)
        inside = back < lengths[:, None]
        places = np.where(inside, last[:, None] - back, 0)
        if self.interpolation is not None:
            values = self.interpolation.windows(last - lengths + 1, last, places)
            values[~inside] = 0.0
            return values, np.broadcast_to(inside[:, :, None], values.shape).copy()
        values = self.values[places]
        missing = np.isnan(values)
        observed = inside[:, :, None] & ~missing
        values[~observed] = 0.0
        if self.num_flags:
            flags = (missing & inside[:, :, None])[:, :, : self.num_flags].astype(np.float32)
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
        self.spec = SeriesSpec((series.head,), series.channels, longest, series.past_labels)

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
        flags = series.num_measured if series.missing_values == "mask" else 0
        return SeriesRows(series.panel.values, series.splits[split], series.head, self._interpolation, flags)

    @cached_property
    def _interpolation(self) -> Interpolation | None:
        """The filled panel, which all splits share; None if gaps are not filled inside windows."""
        if self.series.missing_values != "interpolate" or not np.isnan(self.series.panel.values).any():
            return None
        return Interpolation(self.series.panel.values, self.series.panel.starts)

    def lengths(self, split: str) -> npt.NDArray[np.int32]:
        return self.rows[split].cut.lengths
