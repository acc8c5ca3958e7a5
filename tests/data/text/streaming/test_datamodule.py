"""Streamed training rows as the data of a run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.config.schema import Cache
from lab.core.errors import RequestError
from lab.data.text.corpus import load
from lab.data.text.streaming.batches import StreamLoader
from lab.data.text.streaming.datamodule import StreamedTextDataModule
from lab.models.text.ngram import NgramTokenizer

Made = Callable[..., StreamedTextDataModule]


@pytest.fixture
def made(data_request: Callable[..., Any], shards: Path, tmp_path: Path) -> Made:
    """The module of the shards with changed settings."""

    def of(**changes: Any) -> StreamedTextDataModule:
        columns = {"text": ["text"], "labels": ["mode", "cause"], "leaks": {"action": "warn"}}
        data = data_request("csv", **({"streaming": True, "train": str(shards)} | columns | changes))
        corpus = load(data, tmp_path / "cache")
        sizes: Any = type("Sizes", (), {"buckets": 500, "word_ngrams": (1, 1), "char_ngrams": None})
        tokenizer = NgramTokenizer.fitted(sizes, corpus.splits["train"].texts.batches(100))
        cache = Cache.model_construct(dir=str(tmp_path / "cache"), max_gib=1.0)
        return StreamedTextDataModule(corpus, tokenizer, data, cache, lambda _: 1, 0, False)

    return of


def test_training_rows_come_from_the_shards_and_the_rest_from_memory(made: Made) -> None:
    data = made(batch_size=16, shuffle_buffer=64)
    data.setup("fit")
    data.setup("test")
    loader = data.train_dataloader()
    assert isinstance(loader, StreamLoader)
    batches = list(loader)
    assert len(batches) == len(loader) == data.num_batches() == -(-data.stream.num_train // 16)
    assert sum(map(len, batches)) == data.stream.num_train
    assert data.facts["rows"] == {
        "train": data.stream.num_train,
        "val": sum(map(len, data.val_dataloader())),
        "test": sum(map(len, data.test_dataloader())),
    }
    assert [sum(head.counts) for head in data.spec.heads] == [sum(c) for c in data.stream.counts.values()]
    assert len(data.sample(4)) == len(data.longest(4)) == 4


def test_limits_and_repeats_reach_the_stream(made: Made) -> None:
    data = made(batch_size=16)
    data.limits, data.repeats = {"train": 3}, True
    data.setup("fit")
    loader = data.train_dataloader()
    assert data.num_batches() == len(list(loader)) == 3
    assert loader.plan.repeats


def test_the_identity_follows_from_all_rows_and_the_shares(made: Made, shards: Path) -> None:
    before = made()
    assert made().fingerprint == before.fingerprint
    assert made(max_rows={"val": 10}).fingerprint != before.fingerprint
    with (shards / "b.jsonl").open("a") as file:
        file.write('{"text": "otro", "mode": "m0", "cause": "c0"}\n')
    assert made().fingerprint != before.fingerprint


def test_validation_and_test_files_are_read_as_usual(made: Made, tmp_path: Path) -> None:
    for name in ("val", "test"):
        lines = [f"aviso {name} {place},m{place % 3},c{place % 5}" for place in range(30)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["text,mode,cause", *lines]))
    data = made(val=str(tmp_path / "val.csv"), test=str(tmp_path / "test.csv"))
    assert data.stream.num_train == 270
    assert {name: len(rows.texts) for name, rows in data.corpus.splits.items()} == {"train": 270, "val": 30, "test": 30}


def test_a_split_file_without_the_columns_is_refused(made: Made, tmp_path: Path) -> None:
    (tmp_path / "val.csv").write_text("texto,mode\na,b\n")
    with pytest.raises(RequestError, match="no such column of text"):
        made(val=str(tmp_path / "val.csv"))
