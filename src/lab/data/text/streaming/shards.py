"""Shards of rows: Parquet and JSON-lines files, divided into blocks that are read without what is before them.

A block is a row group of Parquet, or some thousand lines. Values become text as in `lab.data.readers`. Memory: one
batch of rows and, with Parquet, the compressed row group.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from lab.core.errors import Mistake, RequestError, listed
from lab.core.hydra_quoting import quoted
from lab.data.readers.json_lines import column, parsed
from lab.data.readers.text_table import BATCH, as_text, holds_text

ENDINGS = (".parquet", ".jsonl", ".ndjson", ".json")
BLOCK_LINES = 8 * BATCH
"""Lines of a block of JSON lines."""
MAX_NAMED = 3
Cells = dict[str, Any]
"""Per column, a string array."""


class Block(NamedTuple):
    """A part of a shard. start: its row group, or its first byte; first_row: rows before it in the shard."""

    shard: int
    start: int
    first_row: int
    num_rows: int


@dataclass(frozen=True)
class Shard(ABC):
    """A file of rows."""

    path: Path

    @abstractmethod
    def blocks(self, number: int) -> list[Block]:
        """Its blocks. number: of the shard. Raises the errors of the reader."""

    @abstractmethod
    def columns(self) -> list[str]:
        """Columns whose values can be read as text."""

    @abstractmethod
    def read(self, block: Block, columns: Sequence[str]) -> Iterator[Cells]:
        """The rows of a block in order, some thousand at a time. Raises the errors of the reader."""


class ParquetShard(Shard):
    """A Parquet file; a block is a row group."""

    def blocks(self, number: int) -> list[Block]:
        import pyarrow.parquet

        metadata, rows, blocks = pyarrow.parquet.read_metadata(self.path), 0, []
        for group in range(metadata.num_row_groups):
            num = metadata.row_group(group).num_rows
            blocks += [Block(number, group, rows, num)] if num else []
            rows += num
        return blocks

    def columns(self) -> list[str]:
        import pyarrow.parquet

        return [field.name for field in pyarrow.parquet.read_schema(self.path) if holds_text(field.type)]

    def read(self, block: Block, columns: Sequence[str]) -> Iterator[Cells]:
        import pyarrow.parquet

        with pyarrow.parquet.ParquetFile(self.path, pre_buffer=False) as file:
            for batch in file.iter_batches(BATCH, row_groups=[block.start], columns=list(columns), use_threads=False):
                yield {name: as_text(batch.column(name)) for name in columns}


class JsonLinesShard(Shard):
    """A file with one JSON object per line, in UTF-8; a block is `BLOCK_LINES` lines."""

    def blocks(self, number: int) -> list[Block]:
        blocks, start, rows = [], 0, 0
        with self.path.open("rb") as file:
            while lines := list(islice(file, BLOCK_LINES)):
                num = sum(1 for line in lines if line.strip())
                blocks += [Block(number, start, rows, num)] if num else []
                start, rows = start + sum(map(len, lines)), rows + num
        return blocks

    def columns(self) -> list[str]:
        with self.path.open("rb") as file:
            return list(dict.fromkeys(key for _, row in parsed(_decoded(islice(file, 1000))) for key in row))

    def read(self, block: Block, columns: Sequence[str]) -> Iterator[Cells]:
        with self.path.open("rb") as file:
            file.seek(block.start)
            rows = parsed(_decoded(islice(file, BLOCK_LINES)), block.first_row + 1)
            while batch := list(islice(rows, BATCH)):
                yield {name: column(name, batch, {}) for name in columns}


def _decoded(lines: Iterator[bytes]) -> Iterator[str]:
    yield from (line.decode("utf-8-sig") for line in lines)


def matching(patterns: str | Sequence[str], key: str) -> list[Shard]:
    """The shards that paths, patterns (`shards/*.parquet`) and folders name, by name. Raises RequestError with every
    pattern that names none, and every file of another format."""
    mistakes: list[Mistake] = []
    paths: dict[Path, None] = {}
    for pattern in (patterns,) if isinstance(patterns, str) else patterns:
        found = _files(Path(pattern).expanduser())
        if not found:
            mistakes.append(_no_shard(pattern, key))
        paths |= dict.fromkeys(found)
    for path in paths:
        if _ending(path) is None:
            problem = f"cannot be streamed: shards are Parquet or JSON lines without compression ({', '.join(ENDINGS)})"
            mistakes.append(Mistake(key, problem, "data.streaming=false, or write the rows as Parquet", path))
    if mistakes:
        raise RequestError(mistakes)
    return [ParquetShard(path) if _ending(path) == ".parquet" else JsonLinesShard(path) for path in paths]


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if path.is_dir():
        return sorted(file for file in path.iterdir() if _ending(file) is not None)
    anchor = Path(path.anchor) if path.is_absolute() else Path()
    relative = path.relative_to(path.anchor) if path.is_absolute() else path
    return sorted(file for file in anchor.glob(str(relative)) if file.is_file())


def _no_shard(pattern: str, key: str) -> Mistake:
    folder = Path(pattern).expanduser().parent
    siblings = sorted(file.name for file in folder.iterdir() if _ending(file)) if folder.is_dir() else []
    known = f"*{Path(siblings[0]).suffix}" if siblings else None
    remedy = quoted(key, folder / known) if known else "the folder of the shards, or a pattern"
    return Mistake(key, "no shard matches", remedy, pattern)


def _ending(path: Path) -> str | None:
    return next((ending for ending in ENDINGS if path.name.lower().endswith(ending)), None)


def checked(shards: Sequence[Shard], wanted: Sequence[str], key: str) -> list[Block]:
    """The blocks of all shards. Raises RequestError for shards that cannot be read, that are empty, or that differ in
    the columns `wanted`, each with the names of such shards."""
    blocks: list[Block] = []
    broken, empty, lacking = [], [], dict[str, list[str]]()
    for number, shard in enumerate(shards):
        try:
            of_shard = shard.blocks(number)
            columns = shard.columns() if of_shard else []
        except (OSError, ValueError, pa.ArrowException) as error:
            broken.append(f"{shard.path.name} ({' '.join(str(error).split())[:200]})")
            continue
        if not of_shard:
            empty.append(shard.path.name)
        for name in wanted if of_shard else ():
            if name not in columns:
                lacking.setdefault(name, []).append(shard.path.name)
        blocks += of_shard
    mistakes = [Mistake(key, f"{_shards(broken)} cannot be read", "write them again, or take them out")] * bool(broken)
    if empty:
        mistakes.append(Mistake(key, f"{_shards(empty)} without a row", "take out what is empty"))
    for name, names in lacking.items():
        everywhere = len(names) == len(shards)
        problem = "no shard has" if everywhere else f"{_shards(names)} of {len(shards)} lack"
        remedy = "data.text and data.labels name columns that all shards have"
        mistakes.append(Mistake(key, f"{problem} the column {name!r} (as text)", remedy))
    if mistakes:
        raise RequestError(mistakes)
    return blocks


def _shards(names: Sequence[str]) -> str:
    return f"{len(names)} shard{'' if len(names) == 1 else 's'} ({listed(names, MAX_NAMED)})"
