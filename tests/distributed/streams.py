"""Texts in shards, of which each process reads its own rows; one process makes the same steps of the rows of both."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import torch
from toys import GLOBAL_BATCH, HEADS, Texts

from lab.config.schema import Files
from lab.core.batches import FlatIds, TextBatch
from lab.data.dataloader import Width
from lab.data.text.label_survey import Columns
from lab.data.text.streaming.batches import Encoding, Plan, StreamLoader
from lab.data.text.streaming.scan import Stream, scan
from lab.data.text.streaming.shards import matching

NUM_RANKS = 2
NUM_ROWS = 91


class Numbers:
    """Each word of a text is an id."""

    pad_id, vocabulary_size, longest, unit = 0, 20, 9, "words"

    def encode_flat(self, texts: Sequence[str], max_length: int) -> FlatIds:
        return FlatIds.of([[int(word) for word in text.split()][:max_length] for text in texts])


ENCODING = Encoding(Numbers(), 9, 0, Width())  # type: ignore[arg-type]


def stream_in(folder: Path) -> Stream:
    """Three shards of an odd number of rows; two thirds of the labels of `causa` are missing."""
    folder.mkdir()
    random = np.random.default_rng(1)
    texts = [" ".join(map(str, random.integers(1, 20, random.integers(2, 9)))) for _ in range(NUM_ROWS)]
    columns = {
        "text": texts,
        "modo": [str(name) for name in random.choice(list("abc"), NUM_ROWS)],
        "causa": [str(name) for name in random.choice(["x", "y", "", "", "", ""], NUM_ROWS)],
    }
    for number, rows in enumerate(np.array_split(np.arange(NUM_ROWS), 3)):
        table = pa.table(columns).take(pa.array(rows))
        pyarrow.parquet.write_table(table, folder / f"{number}.parquet", row_group_size=7)
    split, most = SimpleNamespace(val=0.1, test=0.1), SimpleNamespace(val=None, test=None)
    settings = Files.model_construct(val="val.csv", test="test.csv", split=split, max_rows=most)  # type: ignore[arg-type]
    wanted = Columns(("text",), ("modo", "causa"), missing=("",))
    return scan(matching(str(folder), "data.train"), wanted, settings, "data.train", folder / "cache")[0]


class StreamedTexts(Texts):
    """Shards for training, texts in memory to validate and test on. at: as of `Texts`."""

    def __init__(self, number: int, folder: Path, at: Callable[[int], int]) -> None:
        super().__init__(number, at)
        self.stream = stream_in(folder)
        self.whole = number == 1

    def plan(self, rank: int) -> Plan:
        """Of one process of two; a single process takes the place of both."""
        return Plan(GLOBAL_BATCH // NUM_RANKS, self.accumulation, 7, 24, rank=rank, num_ranks=NUM_RANKS)

    def num_batches(self) -> int:
        return self.plan(0).num_batches(self.stream.num_train)

    def train_dataloader(self) -> StreamLoader:  # type: ignore[override]
        kind = Together if self.whole else StreamLoader
        return kind(self.stream, self.plan(self._rank()), ENCODING, 0, False)


class Together(StreamLoader):
    """The batches of both processes side by side."""

    def __iter__(self) -> Iterator[Any]:
        loaders = [
            StreamLoader(self.stream, replace(self.plan, rank=rank), self.encoding, 0, False, summed=lambda own: own)
            for rank in range(NUM_RANKS)
        ]
        for loader in loaders:
            loader.set_epoch(self.epoch)
        yield from (_joined(parts) for parts in zip(*loaders, strict=True))


def _joined(parts: Sequence[TextBatch]) -> TextBatch:
    rows = [part for part in parts if not part.is_filler]
    width = max(part.ids.shape[1] for part in rows)

    def wide(name: str) -> torch.Tensor:
        pads = [(0, width - part.ids.shape[1]) for part in rows]
        each = [torch.nn.functional.pad(getattr(part, name), pad) for part, pad in zip(rows, pads, strict=True)]
        return torch.cat(each)

    return TextBatch(
        wide("ids"), wide("mask"),
        {head.name: torch.cat([part.labels[head.name] for part in rows]) for head in HEADS},
        torch.cat([part.rows for part in rows]),
        {head.name: sum((part.window_counts[head.name] for part in parts), torch.tensor(0)) for head in HEADS},
    )  # fmt: skip
