"""Shards are found by paths, patterns and folders, and what is wrong with them is said together."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from lab.core.errors import RequestError
from lab.data.text.streaming import shards as module
from lab.data.text.streaming.shards import checked, matching
from tests.data.text.streaming.conftest import rows, write

WANTED = ("text", "mode")


def test_a_folder_a_pattern_and_paths_name_shards(shards: Path) -> None:
    names = ["a.parquet", "b.jsonl", "c.parquet"]
    assert [shard.path.name for shard in matching(str(shards), "data.train")] == names
    assert [shard.path.name for shard in matching(f"{shards}/*.parquet", "data.train")] == ["a.parquet", "c.parquet"]
    several = (str(shards / "c.parquet"), str(shards / "*.jsonl"), str(shards / "c.parquet"))
    assert [shard.path.name for shard in matching(several, "data.train")] == ["c.parquet", "b.jsonl"]


def test_blocks_are_read_alone(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK_LINES", 15)
    found = matching(str(shards), "data.train")
    blocks = checked(found, WANTED, "data.train")
    assert [block.num_rows for block in blocks] == [40, 40, 40, 10, 15, 15, 10, 40, 40, 40, 10]
    texts = [
        text
        for block in reversed(blocks)
        for cells in found[block.shard].read(block, WANTED)
        for text in cells["text"].to_pylist()[::-1]
    ]
    assert sorted(map(str, texts)) == sorted(str(row["text"]) for row in rows(300))
    assert next(found[1].read(blocks[5], WANTED))["text"].to_pylist() == [row["text"] for row in rows(300)[145:160]]


def test_every_pattern_without_a_shard_is_named(shards: Path) -> None:
    with pytest.raises(RequestError) as caught:
        matching((f"{shards}/*.parqet", f"{shards}/d/*", str(shards / "a.parquet")), "data.train")
    first, second = caught.value.mistakes
    assert first.problem == second.problem == "no shard matches"
    assert first.remedy == f"'data.train=\"{shards}/*.parquet\"'"


def test_other_formats_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,mode\nx,y\n")
    with pytest.raises(RequestError, match="cannot be streamed"):
        matching(str(tmp_path / "a.csv"), "data.train")


def test_empty_broken_and_different_shards_are_named_together(shards: Path) -> None:
    write(shards / "d.parquet", [])
    (shards / "e.jsonl").write_text("\n\n")
    (shards / "f.parquet").write_bytes(b"PAR1 and no more")
    (shards / "g.jsonl").write_text('{"text": "x", "modo": "y"}\n')
    with pytest.raises(RequestError) as caught:
        checked(matching(str(shards), "data.train"), WANTED, "data.train")
    broken, empty, lacking = (mistake.problem for mistake in caught.value.mistakes)
    assert "1 shard (f.parquet (" in broken
    assert empty == "2 shards (d.parquet, e.jsonl) without a row"
    assert lacking == "1 shard (g.jsonl) of 7 lack the column 'mode' (as text)"


def test_row_groups_without_rows_are_no_blocks(tmp_path: Path) -> None:
    table = pa.Table.from_pylist(rows(30), schema=pa.schema([(name, pa.string()) for name in rows(1)[0]]))
    path = tmp_path / "shards" / "a.parquet"
    path.parent.mkdir()
    with pyarrow.parquet.ParquetWriter(path, table.schema) as writer:
        for part in (table.slice(30), table.slice(0, 10), table.slice(10, 0), table.slice(10), table.slice(30)):
            writer.write_table(part)
    found = matching(str(path), "data.train")
    blocks = checked(found, WANTED, "data.train")
    assert [(block.first_row, block.num_rows) for block in blocks] == [(0, 10), (10, 20)]
    read = [cells["text"].to_pylist() for block in blocks for cells in found[0].read(block, WANTED)]
    assert [text for texts in read for text in texts] == [row["text"] for row in rows(30)]


def test_a_column_that_no_shard_has(shards: Path) -> None:
    with pytest.raises(RequestError, match="no shard has the column 'aviso'"):
        checked(matching(str(shards), "data.train"), ("aviso",), "data.train")
