"""Small shards of both formats, as rows and as a config."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from lab.config.schema import Files
from lab.data.text.label_survey import Columns
from lab.data.text.streaming.scan import Stream, scan
from lab.data.text.streaming.shards import matching

COLUMNS = Columns(("text",), ("mode", "cause"), missing=("", "nan"))
Row = dict[str, Any]


def rows(num: int) -> list[Row]:
    """Rows of which each tenth has no text and each seventh no cause."""
    return [
        {
            "text": None if place % 10 == 9 else f"bomba {'x' * (place % 13)} numero{place}",
            "mode": f"m{place % 3}",
            "cause": "nan" if place % 7 == 0 else f"c{place % 5}",
        }
        for place in range(num)
    ]


def write(path: Path, content: list[Row], row_group: int = 40) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        schema = pa.schema([(name, pa.string()) for name in ("text", "mode", "cause")])
        pyarrow.parquet.write_table(pa.Table.from_pylist(content, schema=schema), path, row_group_size=row_group)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in content), encoding="utf-8")
    return path


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """A folder with 300 rows in three shards."""
    every = rows(300)
    write(tmp_path / "shards" / "a.parquet", every[:130])
    write(tmp_path / "shards" / "b.jsonl", every[130:170])
    write(tmp_path / "shards" / "c.parquet", every[170:])
    return tmp_path / "shards"


@pytest.fixture
def settings() -> Callable[..., Files]:
    """The settings of streamed files that a test changes."""
    from types import SimpleNamespace

    def made(**changes: Any) -> Files:
        split = SimpleNamespace(val=0.2, test=0.1)
        most = SimpleNamespace(train=None, val=None, test=None)
        values = {"val": None, "test": None, "split": split, "max_rows": most} | changes
        return Files.model_construct(**values)

    return made


@pytest.fixture
def stream(shards: Path, settings: Callable[..., Files], tmp_path: Path) -> Stream:
    """The shards after their first pass."""
    return scan(matching(str(shards), "data.train"), COLUMNS, settings(), "data.train", tmp_path / "cache")[0]
