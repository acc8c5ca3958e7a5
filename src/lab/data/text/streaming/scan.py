"""The first pass over shards: rows, classes and their counts, and the rows that are kept in memory.

Validation, test and a sample of train are written to the cache as Arrow files, from which an ordinary corpus is made:
all checks, the tokenizer, lengths and baselines work on them. Cost: about 8 microseconds per row, once per data set;
memory does not grow with the rows.
"""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from lab.config.schema import Files
from lab.core.batches import MISSING, HeadSpec
from lab.core.errors import Mistake, RequestError
from lab.data.cache.store import make_entry
from lab.data.label_encoder import LabelEncoder, class_order
from lab.data.progress_lines import ticker
from lab.data.readers.text_table import Table
from lab.data.text.checks.other_columns import other_labels
from lab.data.text.label_survey import Columns, hashed
from lab.data.text.streaming.selection import Selected, Shares, split_of, usable
from lab.data.text.streaming.shards import Block, Shard, checked

log = logging.getLogger(__name__)
SAMPLE_ROWS = 100_000
"""Training rows that are kept in memory, about so many."""
HELD_OUT_ROWS = 20_000
"""Rows of a drawn val or test split, about so many, unless `data.max_rows` has a number."""
MAX_CLASSES = 10_000
FORMAT = 1
"""Part of an entry's name; increased when the same shards are scanned differently."""
KEPT = {1: "val", 2: "test", 3: "train"}


@dataclass(frozen=True)
class Stream:
    """Shards after their first pass: everything that reading them in another order needs.

    blocks: with the number of training rows of each; classes, counts: per head, of the training rows.
    """

    shards: tuple[Shard, ...]
    columns: Columns
    shares: Shares
    blocks: tuple[tuple[Block, int], ...]
    num_rows: int
    num_usable: int
    classes: Mapping[str, tuple[str, ...]]
    counts: Mapping[str, tuple[int, ...]]
    digest: str

    @property
    def num_train(self) -> int:
        """Training rows."""
        return sum(num for _, num in self.blocks)

    @property
    def drawn(self) -> tuple[str, ...]:
        """The splits that were drawn from the shards."""
        return tuple(split for split in ("val", "test") if getattr(self.shares, split))

    @property
    def heads(self) -> tuple[HeadSpec, ...]:
        """The heads with the counts of all training rows."""
        return tuple(HeadSpec(name, classes, self.counts[name]) for name, classes in self.classes.items())


def scan(
    shards: Sequence[Shard], columns: Columns, data: Files, key: str, cache: Path
) -> tuple[Stream, dict[str, Table]]:
    """Return the shards after their first pass, and the tables of the rows that are kept.

    key: config key that names the shards. Raises RequestError for shards that are empty, broken or different, and for
    labels that are none.
    """
    blocks = checked(shards, columns.all, key)
    total = sum(block.num_rows for block in blocks)
    shares = _shares(data, total)
    stats = [(str(shard.path.resolve()), shard.path.stat()) for shard in shards]
    identity = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]
    named = json.dumps([FORMAT, identity, asdict(columns), asdict(shares)])
    folder = cache / "files" / f"stream-{hashlib.sha256(named.encode()).hexdigest()[:32]}"
    make_entry(folder, lambda aside: _Pass(shards, columns, shares, key).write(blocks, total, aside))
    found = json.loads((folder / "scan.json").read_text(encoding="utf-8"))
    stream = Stream(
        tuple(shards), columns, shares, tuple(zip(blocks, found["train"], strict=True)), total, found["usable"],
        {name: tuple(names) for name, names in found["classes"].items()},
        {name: tuple(counts) for name, counts in found["counts"].items()}, found["digest"],
    )  # fmt: skip
    if not stream.num_train:
        problem = f"no row of the shards can be trained on ({total} rows read)"
        raise RequestError(Mistake(key, problem, "look at data.text, data.labels and data.missing_markers"))
    for split, share in (("val", shares.val), ("test", shares.test)):
        if share and not found["kept"][split]:
            problem = f"no text was drawn for {split}: the shards have too few different texts"
            raise RequestError(Mistake(f"data.split.{split}", problem, f"data.{split}=FILE, or more rows", share))
    return stream, {split: _table(folder, split) for split in KEPT.values() if found["kept"][split]}


def _table(folder: Path, split: str) -> Table:
    import datasets

    return Table(datasets.Dataset.from_file(str(folder / f"{split}.arrow")))


def _shares(data: Files, total: int) -> Shares:
    """Shares for the number of rows."""

    def drawn(split: str) -> float:
        if getattr(data, split) is not None:
            return 0.0
        most = getattr(data.max_rows, split) or HELD_OUT_ROWS
        return float(min(getattr(data.split, split), most / total))

    val, test = drawn("val"), drawn("test")
    return Shares(val, test, min(1 - val - test, SAMPLE_ROWS / total))


class _Pass:
    """One pass over all blocks."""

    def __init__(self, shards: Sequence[Shard], columns: Columns, shares: Shares, key: str) -> None:
        self.shards, self.columns, self.shares, self.key = shards, columns, shares, key
        self.encoders = {head: LabelEncoder() for head in columns.labels}
        self.counts = {head: np.zeros(0, np.int64) for head in columns.labels}
        self.train: list[int] = []
        self.kept = dict.fromkeys(KEPT.values(), 0)
        self.num_usable, self.sum = 0, 0

    def write(self, blocks: Sequence[Block], total: int, aside: Path) -> None:
        """Read the blocks; write the rows that are kept, and `scan.json`."""
        schema = pa.schema([(name, pa.string()) for name in self.columns.all])
        ticks = ticker("reading shards", total, "rows")
        writers = {number: pa.ipc.new_stream(aside / f"{split}.arrow", schema) for number, split in KEPT.items()}
        for block in blocks:
            try:
                self._read(block, writers, schema)
            except (OSError, ValueError, pa.ArrowException) as error:
                if isinstance(error, RequestError):
                    raise
                problem = f"{self.shards[block.shard].path.name} cannot be read: {' '.join(str(error).split())[:200]}"
                raise RequestError(Mistake(self.key, problem, "write the shard again, or take it out")) from error
            ticks(block.num_rows)
        for writer in writers.values():
            writer.close()
        (aside / "scan.json").write_text(json.dumps(self._result()), encoding="utf-8")

    def _read(self, block: Block, writers: Mapping[int, Any], schema: Any) -> None:
        num_train = 0
        for cells in self.shards[block.shard].read(block, self.columns.all):
            rows = usable(cells, self.columns, self.encoders, placed=True, with_cells=True)
            splits = split_of(rows, self.shares)
            in_train = (splits == 0) | (splits == 3)
            num_train += int(in_train.sum())
            self._count(rows, in_train)
            for number, writer in writers.items():
                part = rows.at(splits == number)
                self.kept[KEPT[number]] += len(part)
                if len(part):
                    writer.write_batch(pa.record_batch([part.cells[name] for name in schema.names], schema=schema))
        self.train.append(num_train)

    def _count(self, rows: Selected, in_train: Any) -> None:
        self.num_usable += len(rows)
        self.sum = (self.sum + int(hashed(rows.texts).sum(dtype=np.uint64))) % 2**64
        for head, codes in rows.labels.items():
            num = len(self.encoders[head].names)
            if num > MAX_CLASSES:
                problem = f"has more than {MAX_CLASSES} values in the first {self.num_usable} rows: not a label"
                rest = [name for name in rows.labels if len(self.encoders[name].names) <= MAX_CLASSES]
                raise RequestError(Mistake("data.labels", problem, other_labels(rest), head))
            known = codes[in_train & (codes != MISSING)]
            counts = np.bincount(known, minlength=num)
            counts[: len(self.counts[head])] += self.counts[head]
            self.counts[head] = counts

    def _result(self) -> dict[str, Any]:
        orders = {head: class_order(encoder.names) for head, encoder in self.encoders.items()}
        classes = {head: [self.encoders[head].names[place] for place in order] for head, order in orders.items()}
        counts = {head: self.counts[head][order].tolist() for head, order in orders.items() if len(order)}
        counts |= {head: [] for head, order in orders.items() if not order}
        digest = hashlib.sha256(json.dumps([classes, counts, self.train, self.sum]).encode()).hexdigest()[:32]
        return {"classes": classes, "counts": counts, "train": self.train, "usable": self.num_usable,
                "kept": self.kept, "digest": digest}  # fmt: skip
