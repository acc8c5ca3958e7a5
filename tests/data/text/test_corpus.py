import csv
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lab.core.batches import MISSING
from lab.core.errors import RequestError
from lab.data.text.corpus import Corpus, load

Request = Callable[..., Any]
Load = Callable[..., Corpus]
WORDS = (
    "fuga",
    "aceite",
    "bomba",
    "sello",
    "ruido",
    "motor",
    "alta",
    "valvula",
    "abre",
    "presion",
    "baja",
    "filtro",
    "brida",
)


@pytest.fixture
def loaded(data_request: Request, tmp_path: Path) -> Load:
    """`loaded("csv", path=...)`: the corpus of the shipped request with changes."""

    def of(group: str, **changes: Any) -> Corpus:
        return load(data_request(group, **changes), tmp_path / "cache")

    return of


def _write(path: Path, rows: list[list[str]], header: str = "texto,modo") -> str:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header.split(","))
        writer.writerows(rows)
    return str(path)


def _sentences(num: int, seed: int = 0) -> list[str]:
    draws = random.Random(seed)
    result: dict[str, None] = {}
    while len(result) < num:
        result[" ".join(draws.choices(WORDS, k=6))] = None
    return list(result)


def _texts(corpus: Corpus, split: str) -> list[str]:
    return [text for batch in corpus.splits[split].texts.batches(7) for text in batch]


def test_a_dirty_file(loaded: Load, tmp_path: Path) -> None:
    draws = random.Random(0)
    rows = [
        [text, draws.choice("ABCD"), draws.choice(["nan", "", "NA"]) if draws.random() < 0.7 else draws.choice("xyz")]
        for text in _sentences(1000)
    ]
    rows += [list(row) for row in draws.choices(rows, k=50)]
    rows += [["dos uno", "RARA", ""], ["dos dos", "RARA", ""], ["nan", "A", "x"], ["", "B", "y"], ["nada", "", "nan"]]
    rows += [['con "comillas",\ny salto', "A", "x"]]
    path = _write(tmp_path / "avisos.csv", rows, "texto,modo,causa")
    Path(path).write_bytes(b"\xef\xbb\xbf" + Path(path).read_bytes())
    corpus = loaded("csv", path=path, text=["texto"], labels=["modo", "causa"])
    assert sum(len(split.texts) for split in corpus.splits.values()) == 1053
    assert corpus.facts["dropped"] == {"all": {"no_text": 2, "no_label": 1}}
    assert corpus.facts["missing"]["all"]["texto"] == 2  # type: ignore[index]
    assert [head.classes for head in corpus.heads] == [("A", "B", "C", "D", "RARA"), ("x", "y", "z")]
    assert dict(zip(corpus.heads[0].classes, corpus.heads[0].counts, strict=True))["RARA"] >= 1
    share = np.mean(corpus.splits["train"].labels["causa"] == MISSING)
    assert 0.6 < share < 0.8
    assert corpus.facts["leaks"]["test"]["same"] == 0  # type: ignore[index]
    assert corpus.facts["duplicates"]["exact"] == 50  # type: ignore[index]
    assert any("50 of 1053 rows repeat" in note for note in corpus.notes)
    assert json.loads(json.dumps(corpus.facts)) == corpus.facts
    everything = [text for split in corpus.splits for text in _texts(corpus, split)]
    assert 'con "comillas",\ny salto' in everything


def test_rows_keep_the_order_of_the_file_and_their_place_in_it(loaded: Load, tmp_path: Path) -> None:
    rows = [[text, "AB"[place % 2]] for place, text in enumerate(_sentences(200))]
    rows[3][0] = ""
    corpus = loaded("csv", path=_write(tmp_path / "a.csv", rows), text=["texto"], labels=["modo"])
    for split, result in corpus.splits.items():
        assert (np.diff(result.source_rows) > 0).all()
        assert _texts(corpus, split) == [rows[place][0] for place in result.source_rows]
        assert [corpus.heads[0].classes[code] for code in result.labels["modo"]] == [
            rows[place][1] for place in result.source_rows
        ]
        assert not isinstance(result.texts, list)


def test_the_fingerprint_is_of_the_content(loaded: Load, tmp_path: Path) -> None:
    rows = [[text, "AB"[place % 2]] for place, text in enumerate(_sentences(60))]
    requested: dict[str, Any] = {"text": ["texto"], "labels": ["modo"]}
    first = loaded("csv", path=_write(tmp_path / "a.csv", rows), **requested).fingerprint
    assert loaded("csv", path=_write(tmp_path / "b.csv", rows), **requested).fingerprint == first
    assert loaded("csv", path=str(tmp_path / "a.csv"), **requested, split={"seed": 1}).fingerprint != first
    rows[5][0] += "!"
    assert loaded("csv", path=_write(tmp_path / "a.csv", rows), **requested).fingerprint != first
    rows[5][0] = rows[5][0][:-1]
    rows[6][1] = "B" if rows[6][1] == "A" else "A"
    assert loaded("csv", path=_write(tmp_path / "a.csv", rows), **requested).fingerprint != first


def test_equal_texts_stay_on_one_side_of_a_drawn_split(loaded: Load, tmp_path: Path) -> None:
    texts = _sentences(100)
    rows = [
        [text.upper() if place % 2 else text + f" P-{place}A", "AB"[place % 2]] for place, text in enumerate(texts * 5)
    ]
    corpus = loaded("csv", path=_write(tmp_path / "a.csv", rows), text=["texto"], labels=["modo"])
    assert corpus.facts["leaks"]["test"]["masked"] == 0  # type: ignore[index]
    assert corpus.facts["leaks"]["val"]["masked"] == 0  # type: ignore[index]


def test_groups_stay_on_one_side(loaded: Load, tmp_path: Path) -> None:
    rows = [[text, "AB"[place % 2], f"equipo {place % 40}"] for place, text in enumerate(_sentences(400))]
    path = _write(tmp_path / "a.csv", rows, "texto,modo,equipo")
    corpus = loaded("csv", path=path, text=["texto"], labels=["modo"], split={"group": "equipo"})
    sides = [{rows[place][2] for place in split.source_rows} for split in corpus.splits.values()]
    assert not sides[0] & sides[1]
    assert not sides[0] & sides[2]
    assert not sides[1] & sides[2]
    assert corpus.facts["split"]["kept_together"] == "group and text"  # type: ignore[index]


def test_groups_win_where_texts_chain_them_all(loaded: Load, tmp_path: Path) -> None:
    texts = _sentences(200)
    rows = [[text, "AB"[place % 2], f"equipo {place % 20}"] for place, text in enumerate(texts)]
    rows += [["la misma nota", "A", f"equipo {group}"] for group in range(20)]
    path = _write(tmp_path / "a.csv", rows, "texto,modo,equipo")
    corpus = loaded("csv", path=path, text=["texto"], labels=["modo"], split={"group": "equipo"})
    assert corpus.facts["split"]["kept_together"] == "group"  # type: ignore[index]
    assert corpus.facts["leaks"]["test"]["same"] == 2  # type: ignore[index]


def test_given_files_are_taken_as_they_are_and_val_is_drawn_from_train(loaded: Load, tmp_path: Path) -> None:
    rows = [[text, "AB"[place % 2]] for place, text in enumerate(_sentences(150))]
    requested: dict[str, Any] = {"text": ["texto"], "labels": ["modo"]}
    requested |= {
        "train": _write(tmp_path / "train.csv", rows[:100]),
        "test": _write(tmp_path / "test.csv", rows[100:]),
    }
    corpus = loaded("csv", **requested)
    assert corpus.facts["rows"] == {"train": 90, "val": 10, "test": 50}
    assert corpus.facts["split"]["drawn"] == ["val"]  # type: ignore[index]
    assert corpus.splits["test"].source_rows.tolist() == list(range(50))
    assert _texts(corpus, "test") == [row[0] for row in rows[100:]]
    requested["test"] = _write(tmp_path / "test.csv", rows[110:])
    val = loaded("csv", **requested, val=_write(tmp_path / "val.csv", rows[100:110]))
    assert val.facts["rows"] == {"train": 100, "val": 10, "test": 40}


def test_caps_are_drawn_by_the_split_seed_in_order(loaded: Load, tmp_path: Path) -> None:
    path = _write(tmp_path / "a.csv", [[text, "AB"[place % 2]] for place, text in enumerate(_sentences(200))])
    requested: dict[str, Any] = {
        "path": path,
        "text": ["texto"],
        "labels": ["modo"],
        "max_rows": {"train": 50, "test": 5},
    }
    corpus = loaded("csv", **requested)
    assert corpus.facts["rows"] == {"train": 50, "val": 20, "test": 5}
    assert sum(corpus.heads[0].counts) == 50
    again = loaded("csv", **requested)
    assert np.array_equal(corpus.splits["train"].source_rows, again.splits["train"].source_rows)
    assert (np.diff(corpus.splits["train"].source_rows) > 0).all()


def test_a_cap_leaves_rare_classes_in_train(loaded: Load, tmp_path: Path) -> None:
    rows = [[text, "RARA" if place == 7 else "AB"[place % 2]] for place, text in enumerate(_sentences(300))]
    path = _write(tmp_path / "a.csv", rows)
    for seed in range(4):
        requested: dict[str, Any] = {"path": path, "text": ["texto"], "labels": ["modo"], "split": {"seed": seed}}
        corpus = loaded("csv", **requested, max_rows={"train": 20})
        assert dict(zip(corpus.heads[0].classes, corpus.heads[0].counts, strict=True))["RARA"] == 1
        assert corpus.facts["rows"]["train"] == 20  # type: ignore[index]


def test_classes_that_train_never_shows_stay_classes(loaded: Load, tmp_path: Path) -> None:
    texts = _sentences(120)
    train = [[text, str(9 + place % 2)] for place, text in enumerate(texts[:100])]
    test = [[text, "7" if place < 3 else "10"] for place, text in enumerate(texts[100:])]
    paths = {"train": _write(tmp_path / "train.csv", train), "test": _write(tmp_path / "test.csv", test)}
    corpus = loaded("csv", **paths, text=["texto"], labels=["modo"])
    assert corpus.heads[0].classes == ("7", "9", "10")
    assert corpus.heads[0].counts == (0, 45, 45)
    assert corpus.facts["unseen_classes"] == {"modo": ["7"]}
    assert any("not in train" in note for note in corpus.notes)
    assert corpus.splits["test"].labels["modo"].tolist()[:4] == [0, 0, 0, 2]


def test_mistakes_of_the_rows_are_reported_together(loaded: Load, tmp_path: Path) -> None:
    rows = [[text, "A", "nan", "BC"[place % 2]] for place, text in enumerate(_sentences(60))]
    path = _write(tmp_path / "a.csv", rows, "texto,modo,causa,otra")
    with pytest.raises(RequestError) as caught:
        loaded("csv", path=path, text=["texto"], labels=["modo", "causa", "otra"])
    result = [(mistake.key, mistake.value) for mistake in caught.value.mistakes]
    assert result == [("data.labels", "modo"), ("data.labels", "causa")]
    assert "only one class ('A')" in caught.value.mistakes[0].problem


def test_a_label_copied_into_a_text_column_is_refused(loaded: Load, tmp_path: Path) -> None:
    rows = [[text, label := "AB"[place % 2], f" {label.lower()}"] for place, text in enumerate(_sentences(60))]
    path = _write(tmp_path / "a.csv", rows, "texto,modo,clase")
    with pytest.raises(RequestError, match="is repeated verbatim in the text column 'clase'"):
        loaded("csv", path=path, text=["texto", "clase"], labels=["modo"])


@pytest.mark.parametrize("split", ["val", "test"])
def test_duplicates_between_given_files_are_refused_noted_or_ignored(loaded: Load, tmp_path: Path, split: str) -> None:
    rows = [[text, "AB"[place % 2]] for place, text in enumerate(_sentences(200))]
    held = rows[100:150] + [[row[0].upper(), row[1]] for row in rows[:10]]
    paths = {"train": _write(tmp_path / "train.csv", rows[:100]), split: _write(tmp_path / "held.csv", held)}
    if split == "val":
        paths["test"] = _write(tmp_path / "test.csv", rows[150:])
    requested: dict[str, Any] = paths | {"text": ["texto"], "labels": ["modo"]}
    with pytest.raises(RequestError, match=rf"1\d.*of 60 {split} rows|of 60 {split} rows \(1\d"):
        loaded("csv", **requested)
    reported = loaded("csv", **requested, leaks={"action": "warn"})
    assert any(note.startswith("warning:") for note in reported.notes)
    off = loaded("csv", **requested, leaks={"action": "off"})
    assert "leaks" not in off.facts
    assert (
        loaded("csv", **requested, leaks={"duplicate_share": 0.5}).fingerprint
        == reported.fingerprint
        == off.fingerprint
    )


def test_a_validation_file_that_is_the_test_file_is_refused(loaded: Load, tmp_path: Path) -> None:
    rows = [[text, "AB"[place % 2]] for place, text in enumerate(_sentences(200))]
    held = _write(tmp_path / "held.csv", rows[100:])
    requested: dict[str, Any] = {"train": _write(tmp_path / "train.csv", rows[:100]), "val": held, "test": held}
    requested |= {"text": ["texto"], "labels": ["modo"]}
    with pytest.raises(RequestError, match=r"held\.csv: is data.val as well"):
        loaded("csv", **requested)
    with pytest.raises(RequestError, match=r"held\.csv: is data.val as well"):
        loaded("csv", **requested, max_rows={"val": 5, "test": 5})  # the caps leave hardly a row that both have
    reported = loaded("csv", **requested, leaks={"action": "warn"})
    assert "test: 100 of 100 rows have a text of val (100.0%)" in "\n".join(reported.notes)
    copy = _write(tmp_path / "copy.csv", rows[100:])
    with pytest.raises(RequestError, match=r"100 of 100 test rows .* a row of val"):
        loaded("csv", **requested | {"val": copy})


def test_texts_that_differ_in_tags_only_are_refused_between_given_files(loaded: Load, tmp_path: Path) -> None:
    texts = _sentences(50)
    train = [[f"{text} P-{place}A", "AB"[place % 2]] for place, text in enumerate(texts * 2)]
    test = [[f"{text} P-{place + 500}B", "AB"[place % 2]] for place, text in enumerate(texts)]
    paths = {"train": _write(tmp_path / "train.csv", train), "test": _write(tmp_path / "test.csv", test)}
    with pytest.raises(RequestError, match="the same text but for tags and digits"):
        loaded("csv", **paths, text=["texto"], labels=["modo"])


def test_groups_across_given_files_are_refused(loaded: Load, tmp_path: Path) -> None:
    rows = [[text, "AB"[place % 2], f"equipo {place // 3}"] for place, text in enumerate(_sentences(150))]
    header = "texto,modo,equipo"
    paths = {"train": _write(tmp_path / "train.csv", rows[:100], header)}
    paths["test"] = _write(tmp_path / "test.csv", rows[100:], header)
    requested: dict[str, Any] = paths | {"text": ["texto"], "labels": ["modo"], "split": {"group": "equipo"}}
    with pytest.raises(RequestError, match=r"1 groups have rows in both (train|val) and test"):
        loaded("csv", **requested)
    paths["test"] = _write(tmp_path / "test.csv", rows[102:], header)
    assert loaded("csv", **requested).facts["rows"]["test"] == 48  # type: ignore[index]


def test_deciding_words_and_contradictions_are_named(loaded: Load, tmp_path: Path) -> None:
    rows = [[text + (" urgente" if place % 2 else ""), "AB"[place % 2]] for place, text in enumerate(_sentences(200))]
    rows += [[rows[0][0], "B"]]
    corpus = loaded("csv", path=_write(tmp_path / "a.csv", rows), text=["texto"], labels=["modo"])
    (note,) = [note for note in corpus.notes if "'urgente' means modo=B" in note]
    assert "test on rows that a person labelled" in note
    assert corpus.facts["duplicates"]["contradicted"] == {"modo": {"texts": 1, "rows": 2}}  # type: ignore[index]


def test_too_few_texts_to_draw_from(loaded: Load, tmp_path: Path) -> None:
    path = _write(tmp_path / "a.csv", [["una", "A"], ["otra", "B"]] * 20)
    with pytest.raises(RequestError, match="2 different texts in 40 rows cannot fill train and test and val"):
        loaded("csv", path=path, text=["texto"], labels=["modo"])
    with pytest.raises(RequestError, match="leave no row for train"):
        loaded("csv", path=path, text=["texto"], labels=["modo"], split={"val": 0.5, "test": 0.6})


def test_no_usable_row(loaded: Load, tmp_path: Path) -> None:
    path = _write(tmp_path / "a.csv", [["nan", "A"], ["una", ""]])
    with pytest.raises(RequestError, match="no row of all has both a text and a label"):
        loaded("csv", path=path, text=["texto"], labels=["modo"])


def test_maintenance_keeps_class_order_and_probabilities(loaded: Load) -> None:
    from lab.data.text.maintenance.generator import generate

    corpus = loaded("maintenance", num_rows=600)
    reports = generate(600, 0, 0.5)
    assert corpus.name == "maintenance"
    assert corpus.facts["rows"] == {"train": 480, "val": 60, "test": 60}
    for head in corpus.heads:
        assert head.classes == reports.classes[head.name]
        for split in corpus.splits.values():
            assert split.probabilities is not None
            assert np.array_equal(split.labels[head.name], reports.labels[head.name][split.source_rows])
            assert np.array_equal(split.probabilities[head.name], reports.probabilities[head.name][split.source_rows])
    test = corpus.splits["test"]
    assert _texts(corpus, "test") == [reports.texts[place] for place in test.source_rows]
    assert test.texts[4] == reports.texts[test.source_rows[4]]


def test_val_rows_are_trained_on_by_request_and_test_rows_never(loaded: Load, tmp_path: Path) -> None:
    path = _write(tmp_path / "a.csv", [[text, "ab"[place % 2]] for place, text in enumerate(_sentences(100))])
    requested = {"path": path, "text": ["texto"], "labels": ["modo"]}
    apart = loaded("csv", **requested).splits
    corpus = loaded("csv", **requested, split={"train_on_val": True})
    both = np.sort(np.concatenate([apart["train"].source_rows, apart["val"].source_rows]))
    assert corpus.splits["train"].source_rows.tolist() == both.tolist()
    assert corpus.splits["train"].labels["modo"].tolist() == [place % 2 for place in both]
    for split in ("val", "test"):
        assert corpus.splits[split].source_rows.tolist() == apart[split].source_rows.tolist()
    assert sum(corpus.heads[0].counts) == len(both)
    assert _texts(corpus, "train")[0] == _sentences(100)[both[0]]


def test_each_row_is_validation_in_one_fold_with_the_rows_of_its_text(loaded: Load, tmp_path: Path) -> None:
    sentences = _sentences(40)
    rows = [[text, "ab"[place % 2]] for place, text in enumerate(sentences)]
    path = _write(tmp_path / "a.csv", [*rows, *rows[:10]])
    requested = {"path": path, "text": ["texto"], "labels": ["modo"], "leaks": {"action": "off"}}
    folds = [loaded("csv", **requested, split={"folds": 4, "fold": fold}) for fold in range(4)]
    val = [set(fold.splits["val"].source_rows.tolist()) for fold in folds]
    test = folds[0].splits["test"].source_rows.tolist()
    assert sorted([*test, *(row for rows in val for row in rows)]) == list(range(50))
    assert all(fold.splits["test"].source_rows.tolist() == test for fold in folds)
    for fold, rows_of in zip(folds, val, strict=True):
        assert {(row + 40 if row < 10 else row - 40) for row in rows_of if row < 10 or row >= 40} <= rows_of
        assert len(fold.splits["train"].source_rows) + len(rows_of) + len(test) == 50
        assert 8 <= len(rows_of) <= 14
    assert len({fold.facts["compared_as"] for fold in folds}) == 1 < len({fold.fingerprint for fold in folds})


def test_more_folds_than_texts_and_a_val_file_are_refused(loaded: Load, tmp_path: Path) -> None:
    rows = [[text, "ab"[place % 2]] for place, text in enumerate(_sentences(200))]
    requested = {"text": ["texto"], "labels": ["modo"]}
    with pytest.raises(RequestError, match=r"data\.split\.folds=250: 180 different texts or groups cannot fill 250"):
        loaded("csv", path=_write(tmp_path / "a.csv", rows), **requested, split={"folds": 250, "fold": 0})
    files = {"train": _write(tmp_path / "b.csv", rows[:150]), "val": _write(tmp_path / "c.csv", rows[150:])}
    with pytest.raises(RequestError, match=r"a validation split of their own"):
        loaded("csv", **files, **requested, split={"folds": 2, "fold": 0})


def test_a_val_file_is_not_joined_in_silence(loaded: Load, tmp_path: Path) -> None:
    rows = [[text, "ab"[place % 2]] for place, text in enumerate(_sentences(200))]
    files = {"train": _write(tmp_path / "a.csv", rows[:150]), "val": _write(tmp_path / "b.csv", rows[150:])}
    with pytest.raises(RequestError, match=r"data\.split\.train_on_val"):
        loaded("csv", **files, text=["texto"], labels=["modo"], split={"train_on_val": True})


def test_a_column_of_values_that_hardly_repeat_is_no_label(loaded: Load, tmp_path: Path) -> None:
    rows = [[text, f"c{place}", "AB"[place % 2]] for place, text in enumerate(_sentences(60))]
    path = _write(tmp_path / "a.csv", rows, "texto,modo,causa raíz")
    with pytest.raises(RequestError) as error:
        loaded("csv", path=path, text=["texto"], labels=["modo", "causa raíz"])
    (mistake,) = error.value.mistakes
    assert (mistake.key, mistake.value) == ("data.labels", "modo")
    assert "60 values in 60 labelled rows" in mistake.problem
    assert "'data.labels=[\"causa raíz\"]'" in mistake.remedy


def test_a_split_that_misses_its_share_is_noted(loaded: Load, tmp_path: Path) -> None:
    rows = [[text, "AB"[place % 2], f"e{place % 5}"] for place, text in enumerate(_sentences(300))]
    path = _write(tmp_path / "a.csv", rows, "texto,modo,equipo")
    corpus = loaded("csv", path=path, text=["texto"], labels=["modo"], split={"group": "equipo"})
    reported = [note for note in corpus.notes if "asks for 30" in note]
    assert [note.partition(":")[0] for note in reported] == ["test", "val"]
    assert reported == corpus.facts["split"]["missed"]  # type: ignore[index]
