"""The rows of each batch: a pure function of (seed, epoch), so that a run can be interrupted and resumed anywhere.

Rows of similar length share a batch, which removes most padding. The unit that is drawn is the accumulation window, the
rows of one optimizer step: 4 micro-batches of 4 have the same rows as one batch of 16. With a token budget the unit is
the batch, and a window is several batches. Several processes share each micro-batch, so that two with batches of 8 make
the steps of one with batches of 16. Cost: a permutation and a sort per epoch, about 0.2 s for a million rows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt
from torch.utils.data import Sampler

Rows = npt.NDArray[np.int64]
POOL = 50
"""Number of windows that are sorted by length together. More windows mean less padding and less random batches."""


@dataclass(frozen=True)
class Draw:
    """One micro-batch: its rows, and all rows of the accumulation window it belongs to, in all processes.

    is_filler: the row only keeps this process in step with the others, for which rows were left; it counts for nothing.
    """

    rows: Rows
    window: Rows
    is_filler: bool = False

    def share(self, rank: int, num_ranks: int) -> "Draw":
        """The part of process `rank` of the `num_ranks` that share the micro-batch: every `num_ranks`-th row.

        >>> draw = Draw(np.array([7, 4, 2]), np.array([7, 4, 2]))
        >>> [draw.share(rank, 2).rows.tolist() for rank in range(2)], draw.share(3, 4).is_filler
        ([[7, 2], [4]], True)
        """
        rows = self.rows[rank::num_ranks]
        return Draw(rows, self.window) if len(rows) else Draw(self.rows[:1], self.window, is_filler=True)


def limited(num_batches: int, limit: int | float) -> int:
    """Return how many of `num_batches` a limit leaves: at most `limit`, or a share of them, but at least one.

    >>> limited(10, 3), limited(10, 0.25), limited(10, 0.01), limited(10, 1), limited(10, 1.0)
    (3, 2, 1, 1, 10)
    """
    return min(num_batches, limit) if isinstance(limit, int) else min(num_batches, max(1, int(num_batches * limit)))


def windows(lengths: npt.NDArray[np.int32], size: int, seed: int, epoch: int) -> Iterator[Rows]:
    """Yield the rows of each optimizer step of an epoch, in order; inside a window from short to long.

    Every row occurs once. The last window has the remaining rows, drawn at random like the others. Memory: one number
    per row, of four bytes if possible: with ten million rows the order is as large as a column.
    """
    random = np.random.default_rng((seed, epoch))
    order = np.arange(len(lengths), dtype=np.int32 if len(lengths) < 2**31 else np.int64)
    random.shuffle(order)
    full = len(order) - len(order) % size
    for start in range(0, full, POOL * size):
        pool = order[start : min(start + POOL * size, full)]
        pool[:] = pool[np.argsort(lengths[pool], kind="stable")]
    for number in random.permutation(full // size):
        yield order[number * size : (number + 1) * size].astype(np.int64)
    rest = order[full:]
    if len(rest):
        yield rest[np.argsort(lengths[rest], kind="stable")].astype(np.int64)


def rounded_lengths(lengths: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Return each length rounded up on a grid with 16 steps between powers of two: at most 3 % more on average."""
    wide = np.maximum(lengths.astype(np.int64), 1)
    step = 2 ** np.maximum(np.floor(np.log2(wide)).astype(np.int64) - 4, 0)
    top: npt.NDArray[np.int64] = -(-wide // step) * step
    return top


def batch_ends(
    lengths: npt.NDArray[np.int32], max_rows: int, max_tokens: int, num_ranks: int = 1
) -> npt.NDArray[np.int64]:
    """Return the ends of batches in rows sorted by rounded length, with at most `max_tokens` padded tokens and
    `max_rows` rows per batch in each of the `num_ranks` processes that share it.

    The result does not depend on the order of rows of equal rounded length, so every epoch has the same number of
    batches. A row longer than `max_tokens` is the only one of its process.
    """
    tops, ends, start = np.sort(rounded_lengths(lengths)), [0], 0
    counts = -(-np.arange(1, max_rows * num_ranks + 1) // num_ranks)
    while start < len(tops):
        ahead = tops[start : start + len(counts)]
        start += max(num_ranks, int((ahead * counts[: len(ahead)] <= max_tokens).sum()))
        ends.append(min(start, len(tops)))
    return np.array(ends)


class TrainDraws(Sampler[Draw]):
    """Micro-batches of an epoch.

    batch_size: rows in one process. accumulation: epoch -> micro-batches per step. max_tokens: padded tokens in a batch
    of up to `batch_size` rows; all epochs then have batches of the same number and sizes. rank: number of this process
    among `num_ranks` processes that share each batch. limit: micro-batches of an epoch, as `limited`; the last window
    has the rows of its micro-batches alone. repeats: every epoch has the rows of the first one. `len` is the same for
    all epochs and processes.
    """

    def __init__(
        self,
        lengths: npt.NDArray[np.int32],
        batch_size: int,
        accumulation: Callable[[int], int],
        seed: int,
        max_tokens: int | None = None,
        rank: int = 0,
        num_ranks: int = 1,
        limit: int | float = 1.0,
        repeats: bool = False,
    ) -> None:
        self.lengths, self.accumulation, self.seed = lengths, accumulation, seed
        self.batch_size = batch_size * num_ranks
        """Rows of a micro-batch in all processes."""
        self.rank, self.num_ranks, self.limit, self.repeats = rank, num_ranks, limit, repeats
        self._ends = None if max_tokens is None else batch_ends(lengths, batch_size, max_tokens, num_ranks)
        self.epoch = 0
        self.start = 0
        """Number of micro-batches to skip at the start of the pass, to resume an epoch. Set for each pass."""

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning at the start of every epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        whole = -(-len(self.lengths) // self.batch_size) if self._ends is None else len(self._ends) - 1
        return limited(whole, self.limit)

    def __iter__(self) -> Iterator[Draw]:
        whole = self._by_rows() if self._ends is None else self._by_tokens(self._ends)
        for draw in islice(whole, self.start, None):
            yield draw.share(self.rank, self.num_ranks)

    def _by_rows(self) -> Iterator[Draw]:
        size, left = self.batch_size * self.accumulation(self.epoch), len(self) * self.batch_size
        for window in windows(self.lengths, size, self.seed, self._order):
            kept = window[:left]
            for start in range(0, len(kept), self.batch_size):
                yield Draw(kept[start : start + self.batch_size], kept)
            left -= len(kept)
            if left <= 0:
                return

    @property
    def _order(self) -> int:
        """The epoch whose order of rows is drawn."""
        return 0 if self.repeats else self.epoch

    def _by_tokens(self, ends: Rows) -> Iterator[Draw]:
        random = np.random.default_rng((self.seed, self._order))
        order = random.permutation(len(self.lengths))
        order = order[np.argsort(rounded_lengths(self.lengths)[order], kind="stable")]
        drawn = random.permutation(len(ends) - 1)[: len(self)]
        size = self.accumulation(self.epoch)
        for first in range(0, len(drawn), size):
            batches = [order[ends[number] : ends[number + 1]] for number in drawn[first : first + size]]
            window = np.concatenate(batches)
            yield from (Draw(rows, window) for rows in batches)


class EvalDraws(Sampler[Draw]):
    """Batches from the longest row to the shortest, so that memory peaks first; predictions are reordered later.

    batch_size, rank, num_ranks: as in `TrainDraws`. limit: number of batches, as `limited`; fewer than all have rows
    that are drawn from all, the same in each pass and for each seed of a run.
    """

    def __init__(
        self,
        lengths: npt.NDArray[np.int32],
        batch_size: int,
        limit: int | float = 1.0,
        rank: int = 0,
        num_ranks: int = 1,
    ) -> None:
        self.order = np.argsort(-lengths.astype(np.int64), kind="stable")
        """The rows of a pass in all processes."""
        self.batch_size, self.rank, self.num_ranks = batch_size * num_ranks, rank, num_ranks
        whole = -(-len(lengths) // self.batch_size)
        if (kept := limited(whole, limit)) < whole:
            drawn = np.random.default_rng(0).permutation(len(lengths))[: kept * self.batch_size]
            self.order = self.order[np.isin(self.order, drawn)]

    def __len__(self) -> int:
        return -(-len(self.order) // self.batch_size)

    def __iter__(self) -> Iterator[Draw]:
        for start in range(0, len(self.order), self.batch_size):
            rows = self.order[start : start + self.batch_size]
            yield Draw(rows, rows).share(self.rank, self.num_ranks)
