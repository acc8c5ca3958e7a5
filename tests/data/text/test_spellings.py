"""Spellings of one class are recognised, and merged on request in every split, named as most rows of train are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lab
from lab.core.batches import MISSING
from lab.core.errors import RequestError
from lab.data.text.corpus import load
from lab.data.text.spellings import same_but_spelling

Request = Callable[..., Any]


def test_spellings_of_one_name_are_grouped_and_others_are_not() -> None:
    names = ["Fuga", "FUGA", "Elétrico", "eletrico", "con  dos", "con dos", "1", "1.0", "01", "2", "10", "ruido"]
    assert same_but_spelling(names) == [
        ("Fuga", "FUGA"),
        ("Elétrico", "eletrico"),
        ("con  dos", "con dos"),
        ("1", "1.0", "01"),
    ]
    assert same_but_spelling(["A", "B", "P-1", "P-01", "1.1", "1.10", "-1", "1,5"]) == []
    assert same_but_spelling([]) == []


def written(folder: Path, name: str, labels: list[str]) -> str:
    path = folder / name
    rows = [f"{name} aviso {number} de bomba {number * 7919},{label}" for number, label in enumerate(labels)]
    path.write_text("\n".join(["texto,modo", *rows]) + "\n", encoding="utf-8")
    return str(path)


def test_spellings_become_the_most_frequent_one_of_train_in_all_splits(data_request: Request, tmp_path: Path) -> None:
    files = {
        "train": written(tmp_path, "train", ["Fuga"] * 9 + ["fuga "] * 4 + ["FUGA"] * 2 + ["rotura"] * 9 + [""]),
        "val": written(tmp_path, "val", ["fúga", "rotura", "FUGA", "FUGA"] * 9),
        "test": written(tmp_path, "test", ["Rotura", "fuga", "FUGA"] * 9),
    }
    for name, path in files.items():
        Path(path).rename(tmp_path / f"{name}.csv")
    paths = {name: f"{path}.csv" for name, path in files.items()}
    request = dict(**paths, text=["texto"], labels=["modo"])
    apart = load(data_request("csv", **request), tmp_path / "cache")
    assert apart.heads[0].num_classes == 6
    assert any("type data.merge_spellings=true" in note for note in apart.notes)
    corpus = load(data_request("csv", **request, merge_spellings=True), tmp_path / "cache")
    (head,) = corpus.heads
    assert (head.classes, head.counts) == (("Fuga", "rotura"), (15, 9))
    assert corpus.splits["val"].labels["modo"].tolist() == [0, 1, 0, 0] * 9
    assert corpus.splits["test"].labels["modo"].tolist() == [1, 0, 0] * 9
    assert corpus.facts["alike_classes"] == {}
    assert corpus.facts["merged_spellings"] == {
        "modo": {"Fuga": ["fuga", "FUGA", "fúga"], "rotura": ["Rotura"]}
    }  # fmt: skip
    assert any(note.startswith("modo: 4 spellings were merged") for note in corpus.notes)
    assert not any("differ only in case" in note for note in corpus.notes)
    assert corpus.fingerprint != apart.fingerprint


def test_a_drawn_split_is_stratified_by_merged_classes_and_missing_labels_stay(
    data_request: Request, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    Path(written(tmp_path, "a", ["x", "X", "y", "Y"] * 20)).rename(path)
    content = path.read_text().replace("texto,modo", "texto,modo,causa").splitlines()
    causes = ["", "b", "c", "B"] * 20
    path.write_text(
        "\n".join([content[0], *(f"{row},{cause}" for row, cause in zip(content[1:], causes, strict=True))])
    )
    request = data_request("csv", path=str(path), text=["texto"], labels=["modo", "causa"], merge_spellings=True)
    corpus = load(request, tmp_path / "cache")
    assert [head.classes for head in corpus.heads] == [("x", "y"), ("b", "c")]
    labels = np.concatenate([rows.labels["causa"] for rows in corpus.splits.values()])
    assert [(labels == code).sum() for code in (MISSING, 0, 1)] == [20, 40, 20]
    val = corpus.splits["val"].labels["modo"]
    assert abs(int((val == 0).sum()) - int((val == 1).sum())) <= 1


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["data.streaming=true", "data.path=a.jsonl"], "data.merge_spellings=false, or data.streaming=false"),
        (["data.split_labels=[modo]", "data.path=a.csv"], "data.merge_spellings=false, or data.split_labels=null"),
    ],
)
def test_where_it_cannot_be_done_is_said(words: list[str], remedy: str) -> None:
    line = ["data=csv", "data.text=[texto]", "data.labels=[modo]", "data.merge_spellings=true", "model=ngram", *words]
    with pytest.raises(RequestError) as caught:
        lab.compose(line)
    (mistake,) = caught.value.mistakes
    assert (mistake.key, mistake.remedy) == ("data.merge_spellings", remedy)
