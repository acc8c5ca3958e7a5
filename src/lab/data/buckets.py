"""Which rows stand together in a batch: a pure function of (seed, epoch), so that a run can be cut and go on anywhere.

Rows of like length share a batch, which removes most padding. The unit drawn is the accumulation window, the rows of
one optimizer step: 4 micro-batches of 4 hold just the rows that one batch of 16 would hold. Cost: one permutation and
one sort per epoch, about .2 s for a million rows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt
from torch.utils.data import Sampler

Rows = npt.NDArray[np.int64]
POOL = 50
"""Windows that are sorted by length together: more means less padding and less chance in who meets whom."""


@dataclass(frozen=True)
class Draw:
    """One micro-batch: its rows, and all rows of the accumulation window it belongs to."""

    rows: Rows
    window: Rows


def windows(lengths: npt.NDArray[np.int32], size: int, seed: int, epoch: int) -> list[Rows]:
    """Rows of each optimizer step of an epoch, in order; inside a window from short to long.

    Every row comes once. The last window holds the rest and is drawn at random like the others.
    """
    random = np.random.default_rng((seed, epoch))
    order = random.permutation(len(lengths))
    full = len(order) - len(order) % size
    pools = [order[start : min(start + POOL * size, full)] for start in range(0, full, POOL * size)]
    ranked = [pool[np.argsort(lengths[pool], kind="stable")] for pool in pools]
    whole = np.concatenate(ranked).reshape(-1, size) if ranked else np.empty((0, size), dtype=np.int64)
    drawn = list(whole[random.permutation(len(whole))])
    rest = order[full:]
    return [*drawn, rest[np.argsort(lengths[rest], kind="stable")]] if len(rest) else drawn


class TrainDraws(Sampler[Draw]):
    """Micro-batches of an epoch.

    `accumulation` gives the micro-batches per step of an epoch; `len` is the same for all.
    """

    def __init__(
        self, lengths: npt.NDArray[np.int32], batch_size: int, accumulation: Callable[[int], int], seed: int
    ) -> None:
        self.lengths, self.batch_size, self.accumulation, self.seed = lengths, batch_size, accumulation, seed
        self.epoch = 0
        self.start = 0
        """Micro-batches to leave out at the head of a pass: where a cut epoch goes on. Set anew for each pass."""

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning at the start of every epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-len(self.lengths) // self.batch_size)

    def __iter__(self) -> Iterator[Draw]:
        return islice(self._draws(), self.start, None)

    def _draws(self) -> Iterator[Draw]:
        size = self.batch_size * self.accumulation(self.epoch)
        for window in windows(self.lengths, size, self.seed, self.epoch):
            for start in range(0, len(window), self.batch_size):
                yield Draw(window[start : start + self.batch_size], window)


class EvalDraws(Sampler[Draw]):
    """Batches from the longest row to the shortest, so that memory peaks at once; predictions go back by row number."""

    def __init__(self, lengths: npt.NDArray[np.int32], batch_size: int) -> None:
        self.order = np.argsort(-lengths.astype(np.int64), kind="stable")
        self.batch_size = batch_size

    def __len__(self) -> int:
        return -(-len(self.order) // self.batch_size)

    def __iter__(self) -> Iterator[Draw]:
        for start in range(0, len(self.order), self.batch_size):
            rows = self.order[start : start + self.batch_size]
            yield Draw(rows, rows)
