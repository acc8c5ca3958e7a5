"""The reference of texts and questions: characters of each column, tokens of the training texts, shares on val."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lab.core.record.run_folder import RunFolder
from lab.core.reference.content import Reference
from lab.training.reference import texts

CONF = ["data=csv", "data.text=[title,text]", "data.labels=[cause]", "model=ngram", "model.buckets=4096",
        "trainer.max_epochs=1", "logger=csv", "trainer.threads=1", "callbacks.curves.png=false"]  # fmt: skip


def write(path: Path, words: str) -> None:
    rows = [f"pump {n},{words} {n % 7},{'leak' if n % 2 else 'wear'}" for n in range(60)]
    path.write_text("\n".join(["title,text,cause", *rows, ",alone,leak"]) + "\n")


def test_the_end_of_a_run_writes_what_its_rows_are_like(
    warm: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "rows.csv", "the seal drips")
    settings = [*CONF, f"data.path={tmp_path / 'rows.csv'}", f"cache.dir={tmp_path}"]
    assert warm.run(tmp_path / "run", settings) == 0
    run = RunFolder(tmp_path / "run")
    assert run.read()["pending"] == []
    content = run.read_reference()
    assert content is not None
    reference = Reference.from_fields(content)
    counts = {head["name"]: head["counts"] for head in run.read_spec()["heads"]}
    assert {name: head.counts.tolist() for name, head in reference.heads.items()} == counts
    rows = run.read()["data"]["rows"]["train"]
    text = reference.numbers["characters/text"]
    assert (text.histogram.num + text.histogram.missing, text.unit) == (rows, "characters")
    assert text.histogram.quantile(0.5) == len("the seal drips 5")
    assert reference.numbers["characters/title"].histogram.missing <= 1
    assert reference.seen is not None
    assert 0 < reference.seen.sum() < 4097
    assert reference.numbers["unknown tokens"].histogram.num == run.read()["data"]["rows"]["test"]
    assert reference.predicted["cause"].sum() == run.read()["data"]["rows"]["test"]
    assert reference.numbers["confidence/cause"].histogram.quantile(0) >= 0.5 - 1e-6
    (run.path / "reference.json").unlink()
    assert warm.run(run.path, [*settings, f"test={run.path}"]) == 0, "a repeated test writes it for an older run"
    assert run.read_reference() == content


def test_rows_are_taken_at_equal_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "MOST_ROWS", 5)
    assert texts._spread(9).tolist() == [0, 2, 4, 6, 8]
    assert texts._spread(3).tolist() == [0, 1, 2]


def test_the_id_of_unknown_pieces_is_never_a_known_token() -> None:
    class Tokenizer:
        unknown_id = 3

    assert texts._unknown(Tokenizer()) == [3]  # type: ignore[arg-type]
    assert texts._unknown(object()) == []  # type: ignore[arg-type]
    assert np.array_equal(texts.seen_ids(np.array([3, 4]), 5, [3]), [False, False, False, False, True])
