"""Windows as batches: values are gathered from the panel when a batch is asked for, so that no window is ever copied
before. Rows shorter than the longest of a batch are padded on the left. Shapes: B rows, T steps, C columns.

Cost: a gather of B * T * C floats a batch, and with `missing_values=interpolate` some ten passes over them.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset

from lab.config.schema import Series
from lab.core.batches import HeadSpec, SeriesBatch, SeriesSpec
from lab.data.batch_sampler import Draw, EvalDraws, TrainDraws
from lab.data.cache.hidden_states import States
from lab.data.dataloader import Loader
from lab.data.series.dataset import SeriesSet
from lab.data.series.missing_values import interpolated
from lab.data.series.panel import Cut, Floats


class SeriesRows(Dataset[SeriesBatch]):
    """The windows of one split; indexed by a draw, gives its batch.

    gaps: `interpolate` draws lines inside each window; `mask` adds a channel for each of the first `measured`
    columns, 1 where a value is missing; else missing values are 0 and not observed.
    """

    def __init__(self, values: Floats, cut: Cut, head: HeadSpec, gaps: str | None, measured: int) -> None:
        self.values, self.cut, self.head, self.gaps, self.measured = values, cut, head, gaps, measured
        self.states: States | None = None
        """What the frozen layers make of each window, where a batch is to bring it along."""
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
        """Values (B, T, C), 0 where nothing was observed, and what was observed."""
        lengths = self.cut.lengths[rows]
        back = np.arange(int(lengths.max()) - 1, -1, -1)
        inside = back < lengths[:, None]
        places = np.where(inside, self.cut.ends[rows].astype(np.int64)[:, None] - back, 0)
        values = self.values[places]
        missing = np.isnan(values)
        observed = inside[:, :, None] & ~missing
        values[~observed] = 0.0
        if self.gaps == "interpolate" and not observed.all():
            values = interpolated(values, observed)
            values[~inside] = 0.0
            observed = np.broadcast_to(inside[:, :, None], values.shape).copy()
        elif self.gaps == "mask":
            flags = (missing & inside[:, :, None])[:, :, : self.measured].astype(np.float32)
            values = np.concatenate([values, flags], 2)
            observed = np.concatenate([observed, np.broadcast_to(inside[:, :, None], flags.shape)], 2)
        return values, observed


class SeriesData:
    """The three splits as loaders. accumulation: epoch -> micro-batches per optimizer step."""

    def __init__(
        self, found: SeriesSet, config: Series, accumulation: Callable[[int], int], seed: int, pin_memory: bool
    ) -> None:
        self.config, self.accumulation, self.seed, self.pin_memory = config, accumulation, seed, pin_memory
        self.batch_size = config.batch_size
        self.rows = {
            split: SeriesRows(found.panel.values, cut, found.head, found.gaps, found.measured)
            for split, cut in found.splits.items()
        }
        longest = max(int(cut.lengths.max()) for cut in found.splits.values())
        self.spec = SeriesSpec((found.head,), found.channels, longest)

    def train_loader(self) -> Loader:
        return self._loader("train", self.train_draws())

    def val_loader(self) -> Loader:
        return self._loader("val", EvalDraws(self.rows["val"].cut.lengths, self.config.eval_batch_size))

    def test_loader(self) -> Loader:
        return self._loader("test", EvalDraws(self.rows["test"].cut.lengths, self.config.eval_batch_size))

    def train_draws(self, accumulation: Callable[[int], int] | None = None) -> TrainDraws:
        lengths, steps = self.rows["train"].cut.lengths, accumulation or self.accumulation
        return TrainDraws(lengths, self.batch_size, steps, self.seed)

    def num_batches(self) -> int:
        return len(self.train_draws())

    def whole_windows(self) -> Loader:
        """Training batches from the start each time, each an accumulation window of its own."""
        return Loader(self.rows["train"], self.train_draws(lambda _: 1), 0, False, False)

    def longest(self, size: int) -> SeriesBatch:
        """One training batch of the `size` longest rows (repeated where there are fewer): the worst case for memory."""
        order = np.argsort(-self.rows["train"].cut.lengths, kind="stable")
        rows = np.resize(order, size)
        return self.rows["train"][Draw(rows, rows)]

    def sample(self, size: int) -> SeriesBatch:
        """`size` training windows (all where there are fewer), drawn by the seed, as one batch."""
        train = self.rows["train"]
        rows = np.sort(np.random.default_rng((self.seed, size)).permutation(len(train))[:size])
        return train[Draw(rows, rows)]

    def _loader(self, split: str, draws: TrainDraws | EvalDraws) -> Loader:
        config = self.config
        return Loader(self.rows[split], draws, config.num_workers, self.pin_memory, config.persistent_workers)
