"""Training batches from shards: a pure function of seed and epoch, so that an epoch resumes at any batch.

In each epoch the blocks of all shards are read in another random order. Some thousand rows at a time (the shuffle
buffer) are shuffled and divided into batches by `lab.data.batch_sampler.windows`, like all rows of data in memory. What
was trained on before is left out without being read, except for the beginning of one block. Each process and each
worker reads every row, and tokenises the rows of its own batches. Memory: the shuffle buffer and a block.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from lab.core.batches import HeadSpec, Ids, TextBatch, Tokenizer
from lab.core.errors import RunError
from lab.data.batch_sampler import Draw, limited, windows
from lab.data.dataloader import Place, TokenRows, Width
from lab.data.label_encoder import LabelEncoder
from lab.data.text.streaming.scan import Stream
from lab.data.text.streaming.selection import Selected, split_of, usable


@dataclass(frozen=True)
class Plan:
    """How the rows become batches. batch_size: rows of a micro-batch in all processes; accumulation: epoch ->
    micro-batches per step; shuffle_buffer: rows that are shuffled together; limit: micro-batches of an epoch, as
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
        """Micro-batches of an epoch."""
        return limited(-(-num_rows // self.batch_size), self.limit)

    def buffer_rows(self, epoch: int) -> int:
        """Rows that are shuffled together, whole optimizer steps."""
        step = self.batch_size * self.accumulation(epoch)
        return max(1, self.shuffle_buffer // step) * step


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
                yield self._batch(rows, draw.share(self.plan.rank, self.plan.num_ranks), heads)

    def _draws(self) -> Iterator[tuple[Selected, Draw]]:
        """The rows of a buffer, and the rows of a batch among them, from batch `start` on."""
        plan, total = self.plan, self.plan.num_batches(self.stream.num_train)
        order_epoch = 0 if plan.repeats else self.epoch
        size, step = plan.buffer_rows(self.epoch), plan.batch_size * plan.accumulation(self.epoch)
        batches_per_buffer = size // plan.batch_size
        buffer = self.start // batches_per_buffer
        number = buffer * batches_per_buffer
        for rows in _buffers(self.stream, (plan.seed, order_epoch), buffer * size, size):
            lengths = pc.utf8_length(rows.texts).to_numpy(zero_copy_only=False).astype(np.int32)
            for window in windows(lengths, step, plan.seed, (order_epoch << 24) + buffer):
                kept = window[: (total - number) * plan.batch_size]
                for first in range(0, len(kept), plan.batch_size):
                    if number >= self.start:
                        yield rows, Draw(kept[first : first + plan.batch_size], kept)
                    number += 1
                if number >= total:
                    return
            buffer += 1

    def _batch(self, rows: Selected, draw: Draw, heads: tuple[HeadSpec, ...]) -> TextBatch:
        of = self.encoding
        encoded = of.tokenizer.encode_flat(rows.texts.take(pa.array(draw.rows)).to_pylist(), of.max_length)
        ends = np.cumsum(encoded.lengths)[:-1]
        tokens: dict[int, Ids] = dict(zip(draw.rows.tolist(), np.split(encoded.ids, ends), strict=True))
        return TokenRows(tokens, rows.labels, heads, of.pad_id, of.width)[draw]  # type: ignore[arg-type]


def _buffers(stream: Stream, seed: tuple[int, int], skipped: int, size: int) -> Iterator[Selected]:
    """The training rows of an epoch behind the first `skipped`, `size` at a time, the last ones fewer."""
    parts: list[Selected] = []
    waiting = 0
    for rows in _rows(stream, seed, skipped):
        start = 0
        while waiting + len(rows) - start >= size:
            stop = start + size - waiting
            yield _joined([*parts, rows.slice(start, stop)])
            parts, waiting, start = [], 0, stop
        if start < len(rows):
            parts.append(rows.slice(start, len(rows)))
            waiting += len(rows) - start
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


class StreamLoader(Place):
    """The batches of an epoch for Lightning, which calls `set_epoch`."""

    def __init__(self, stream: Stream, plan: Plan, encoding: Encoding, num_workers: int, pin_memory: bool) -> None:
        super().__init__()
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
        yield from self.counted(DataLoader(batches, None, num_workers=self.num_workers, pin_memory=self.pin_memory))
