"""The first pass: counts, classes, and the rows that are kept."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from lab.config.schema import Files
from lab.core.errors import RequestError
from lab.data.text.streaming import scan as module
from lab.data.text.streaming.scan import Stream, scan
from lab.data.text.streaming.shards import matching
from tests.data.text.streaming.conftest import COLUMNS, rows, write


def scanned(shards: Path, data: Files) -> tuple[Stream, dict[str, list[str]]]:
    found = matching(str(shards), "data.train")
    stream, tables = scan(found, COLUMNS, data, "data.train", shards.parent / "cache")
    return stream, {name: table.data["text"][:] for name, table in tables.items()}


def test_rows_are_divided_by_their_texts(shards: Path, settings: Callable[..., Files]) -> None:
    stream, kept = scanned(shards, settings())
    assert (stream.num_rows, stream.num_usable) == (300, 270)
    assert stream.num_train == len(kept["train"]), "few rows: all are in the sample"
    usable = sorted(row["text"] for row in rows(300) if row["text"])
    assert sorted([*kept["train"], *kept["val"], *kept["test"]]) == usable
    assert 30 < len(kept["val"]) < 80
    assert 10 < len(kept["test"]) < 50


def test_classes_and_counts_are_of_all_training_rows(
    shards: Path, settings: Callable[..., Files], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SAMPLE_ROWS", 50)
    monkeypatch.setattr(module, "HELD_OUT_ROWS", 30)
    stream, kept = scanned(shards, settings())
    assert len(kept["train"]) < 90
    assert len(kept["val"]) < 60
    assert stream.num_train == 270 - len(kept["val"]) - len(kept["test"])
    held_out = {*kept["val"], *kept["test"]}
    train = [row for row in rows(300) if row["text"] and row["text"] not in held_out]
    counts = Counter(row["cause"] for row in train if row["cause"] != "nan")
    assert stream.classes["cause"] == ("c0", "c1", "c2", "c3", "c4")
    assert stream.counts["cause"] == tuple(counts[name] for name in stream.classes["cause"])


def test_equal_texts_share_a_split_in_any_order_of_shards(shards: Path, settings: Callable[..., Files]) -> None:
    before = scanned(shards, settings())[1]
    write(shards / "0.jsonl", [row | {"text": f" {row['text'].upper()}"} for row in rows(300) if row["text"]])
    after = scanned(shards, settings())[1]
    for split in ("val", "test"):
        assert {text.strip().lower() for text in after[split]} == {text.lower() for text in before[split]}


def test_splits_of_their_own_files_are_not_drawn(shards: Path, settings: Callable[..., Files]) -> None:
    stream, kept = scanned(shards, settings(val="val.csv", test="test.csv"))
    assert stream.num_train == 270
    assert stream.drawn == ()
    assert set(kept) == {"train"}


def test_max_rows_limits_what_is_drawn(shards: Path, settings: Callable[..., Files]) -> None:
    few = SimpleNamespace(train=None, val=12, test=None)
    assert len(scanned(shards, settings(max_rows=few))[1]["val"]) < 25


def test_columns_without_classes_end_the_pass(
    shards: Path, settings: Callable[..., Files], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_CLASSES", 4)
    with pytest.raises(RequestError, match="more than 4 values in the first"):
        scanned(shards, settings())


def test_shards_without_a_usable_row(tmp_path: Path, settings: Callable[..., Files]) -> None:
    write(tmp_path / "shards" / "a.jsonl", [{"text": "x", "mode": "", "cause": None}])
    with pytest.raises(RequestError, match="no row of the shards can be trained on"):
        scanned(tmp_path / "shards", settings())


def test_too_few_texts_for_a_split(tmp_path: Path, settings: Callable[..., Files]) -> None:
    write(tmp_path / "shards" / "a.jsonl", [{"text": "aaa", "mode": "m", "cause": "c"}] * 20)
    with pytest.raises(RequestError) as caught:
        scanned(tmp_path / "shards", settings())
    assert caught.value.mistakes[0].key in {"data.split.val", "data.split.test", "data.train"}


def test_a_line_that_is_not_json_is_named(shards: Path, settings: Callable[..., Files]) -> None:
    with (shards / "b.jsonl").open("a") as file:
        file.write("{broken\n")
    with pytest.raises(RequestError, match=r"b\.jsonl \(line 41 is not JSON"):
        scanned(shards, settings())
