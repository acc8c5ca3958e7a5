"""Training batches from shards: a pure function of seed and epoch, so that an epoch resumes at any batch.

In each epoch the blocks of all shards are read in another random order. Some thousand rows at a time (the shuffle
buffer) are shuffled and divided into batches by `lab.data.batch_sampler.windows`, like all rows of data in memory. What
was trained on before is left out without being read, except for the beginning of one block. Of several processes (DDP)
each reads its own stretch of the epoch's rows, of equal length to within a row. They draw the same positions of their
buffers, so that their batches of one step have similar lengths. Each worker reads every row of its process, and
tokenises the rows of its own batches. Memory: the shuffle buffer and a block.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor, distributed
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from lab.core.batches import HeadSpec, Ids, TextBatch, Tokenizer
from lab.core.errors import RunError
from lab.data.batch_sampler import Draw, limited, windows
from lab.data.dataloader import Place, TokenRows, Width
from lab.data.label_encoder import LabelEncoder
from lab.data.text.streaming.scan import Stream
from lab.data.text.streaming.selection import Selected, split_of, usable

Counts = dict[str, Tensor]
"""Per head, the labels (K,) of each class."""


@dataclass(frozen=True)
class Plan:
    """How the rows become batches. batch_size: rows of a micro-batch in one process; accumulation: epoch ->
    micro-batches per step; shuffle_buffer: rows that a process shuffles together; limit: micro-batches of an epoch, as
    `limited`; repeats: every epoch has the batches of the first one; rank: number of this process among `num_ranks`."""

    batch_size: int
    accumulation: Callable[[int], int]
    seed: int
    shuffle_buffer: int
    limit: int | float = 1.0
    repeats: bool = False
    rank: int = 0
    num_ranks: int = 1

    def num_batches(self, num_rows: int) -> int:
        """Micro-batches of an epoch, equally many in each process."""
        return limited(-(-num_rows // (self.batch_size * self.num_ranks)), self.limit)

    def buffer_rows(self, epoch: int) -> int:
        """Rows that are shuffled together, whole optimizer steps."""
        step = self.batch_size * self.accumulation(epoch)
        return max(1, self.shuffle_buffer // step) * step

    def stretch(self, num_rows: int) -> tuple[int, int]:
        """The first row of this process in an epoch of `num_rows` rows, and the row after its last one.

        >>> [Plan(8, lambda _: 1, 0, 64, rank=rank, num_ranks=3).stretch(10) for rank in range(3)]
        [(0, 4), (4, 7), (7, 10)]
        """
        each, left = divmod(num_rows, self.num_ranks)
        start = self.rank * each + min(self.rank, left)
        return start, start + each + (self.rank < left)


@dataclass(frozen=True)
class Encoding:
    """How a text becomes ids."""

    tokenizer: Tokenizer
    max_length: int
    pad_id: int
    width: Width


class StreamedBatches(IterableDataset[TextBatch]):
    """The batches of one epoch from batch `start` on; in a loader's worker, every so many of them."""

    def __init__(self, stream: Stream, plan: Plan, encoding: Encoding, epoch: int, start: int) -> None:
        self.stream, self.plan, self.encoding, self.epoch, self.start = stream, plan, encoding, epoch, start

    def __iter__(self) -> Iterator[TextBatch]:
        worker = get_worker_info()
        mine, every = (0, 1) if worker is None else (worker.id, worker.num_workers)
        heads = self.stream.heads
        for number, (rows, draw) in enumerate(self._draws()):
            if number % every == mine:
                yield self._batch(rows, draw, heads)

    def _draws(self) -> Iterator[tuple[Selected, Draw]]:
        """The rows of a buffer, and the rows of a batch among them, from batch `start` on."""
        plan, total = self.plan, self.plan.num_batches(self.stream.num_train)
        order_epoch = 0 if plan.repeats else self.epoch
        size, step = plan.buffer_rows(self.epoch), plan.batch_size * plan.accumulation(self.epoch)
        first, stop = plan.stretch(self.stream.num_train)
        buffer = self.start // (size // plan.batch_size)
        number = buffer * (size // plan.batch_size)
        last, window_end = None, number
        for rows in _buffers(self.stream, (plan.seed, order_epoch), (first + buffer * size, stop), size):
            lengths = pc.utf8_length(rows.texts).to_numpy(zero_copy_only=False).astype(np.int32)
            for window in windows(lengths, step, plan.seed, (order_epoch << 24) + buffer):
                kept = window[: (total - number) * plan.batch_size]
                last, window_end = (rows, kept), number + plan.accumulation(self.epoch)
                for place in range(0, len(kept), plan.batch_size):
                    if number >= self.start:
                        yield rows, Draw(kept[place : place + plan.batch_size], kept)
                    number += 1
                if number >= total:
                    return
            buffer += 1
        if self.start <= number < total:  # another process has one row more, and this one keeps in step
            if last is not None and number < window_end:
                known, window = last
            else:  # the same row in a resumed epoch, which has read none before it
                known, window = self._any_row(order_epoch, stop), np.zeros(0, np.int64)
            yield known, Draw(np.zeros(1, np.int64), window, is_filler=True)

    def _any_row(self, order_epoch: int, stop: int) -> Selected:
        """A row of this process, or of another if it has none."""
        return next(_rows(self.stream, (self.plan.seed, order_epoch), max(0, stop - 1)))

    def _batch(self, rows: Selected, draw: Draw, heads: tuple[HeadSpec, ...]) -> TextBatch:
        of = self.encoding
        encoded = of.tokenizer.encode_flat(rows.texts.take(pa.array(draw.rows)).to_pylist(), of.max_length)
        ends = np.cumsum(encoded.lengths)[:-1]
        tokens: dict[int, Ids] = dict(zip(draw.rows.tolist(), np.split(encoded.ids, ends), strict=True))
        return TokenRows(tokens, rows.labels, heads, of.pad_id, of.width)[draw]  # type: ignore[arg-type]


def _buffers(stream: Stream, seed: tuple[int, int], part: tuple[int, int], size: int) -> Iterator[Selected]:
    """The training rows of an epoch from one place to another, `size` at a time, the last ones fewer."""
    parts: list[Selected] = []
    waiting, left = 0, part[1] - part[0]
    if left <= 0:
        return
    for rows in _rows(stream, seed, part[0]):
        start, end = 0, min(len(rows), left)
        left -= end
        while waiting + end - start >= size:
            stop = start + size - waiting
            yield _joined([*parts, rows.slice(start, stop)])
            parts, waiting, start = [], 0, stop
        if start < end:
            parts.append(rows.slice(start, end))
            waiting += end - start
        if not left:
            break
    if parts:
        yield _joined(parts)


def _rows(stream: Stream, seed: tuple[int, int], skipped: int) -> Iterator[Selected]:
    """The training rows of an epoch behind the first `skipped`, in the order of its blocks."""
    encoders = {head: LabelEncoder(classes) for head, classes in stream.classes.items()}
    placed = stream.shares.val + stream.shares.test > 0
    for place in np.random.default_rng((*seed, 1)).permutation(len(stream.blocks)).tolist():
        block, num_train = stream.blocks[place]
        if skipped >= num_train:
            skipped -= num_train
            continue
        shard, seen = stream.shards[block.shard], 0
        for cells in shard.read(block, stream.columns.all):
            rows = usable(cells, stream.columns, encoders, placed)
            if placed:
                splits = split_of(rows, stream.shares)
                rows = rows.at((splits == 0) | (splits == 3))
            seen += len(rows)
            if skipped < len(rows):
                yield rows.slice(skipped, len(rows)) if skipped else rows
            skipped = max(0, skipped - len(rows))
        changed = any(len(encoders[head].names) != len(names) for head, names in stream.classes.items())
        if seen != num_train or changed:
            raise RunError(f"{shard.path} has changed since the run began: start it again", kind="error")


def _joined(parts: list[Selected]) -> Selected:
    labels = {head: np.concatenate([part.labels[head] for part in parts]) for head in parts[0].labels}
    return Selected(pa.concat_arrays([part.texts for part in parts]), {}, labels, None)


def of_all_ranks(counts: Counts) -> Counts:
    """The counts summed over the processes, which all call it for the same batch."""
    total = torch.cat(list(counts.values()))
    distributed.all_reduce(total)
    parts = torch.split(total, [len(each) for each in counts.values()])
    return dict(zip(counts, parts, strict=True))


class StreamLoader(Place):
    """The batches of an epoch for Lightning, which calls `set_epoch`.

    summed: what makes of the labels of this process's part of a window those of the whole window.
    """

    def __init__(
        self, stream: Stream, plan: Plan, encoding: Encoding, num_workers: int, pin_memory: bool,
        summed: Callable[[Counts], Counts] = of_all_ranks,
    ) -> None:  # fmt: skip
        super().__init__()
        self.summed = summed
        self.stream, self.plan, self.encoding = stream, plan, encoding
        self.num_workers, self.pin_memory = num_workers, pin_memory
        self.sampler = self
        """Lightning looks for `set_epoch` on a loader's sampler."""
        self.epoch = 0

    def __len__(self) -> int:
        return self.plan.num_batches(self.stream.num_train)

    def set_epoch(self, epoch: int) -> None:
        """Give the epoch whose order is drawn next."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[Any]:
        start = self.begin(self.epoch)
        batches = StreamedBatches(self.stream, self.plan, self.encoding, self.epoch, start)
        loader = DataLoader(batches, None, num_workers=self.num_workers, pin_memory=self.pin_memory)
        yield from self.counted(map(self._with_whole_windows, loader))

    def _with_whole_windows(self, batch: TextBatch) -> TextBatch:
        if self.plan.num_ranks == 1:
            return batch
        return replace(batch, window_counts=self.summed(batch.window_counts))
