from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.data.text.source import ALL, open_source

from ..conftest import source_column, source_mistakes

Request = Callable[..., Any]


@pytest.fixture
def avisos(tmp_path: Path) -> Path:
    path = tmp_path / "avisos.csv"
    path.write_text("texto,modo,causa\na,A,x\nb,B,y\nc,A,x\n", encoding="utf-8")
    return path


def test_one_path_is_one_table(data_request: Request, avisos: Path, tmp_path: Path) -> None:
    source = open_source(data_request("csv", path=str(avisos), text=["texto"], labels=["modo"]), tmp_path / "cache")
    assert (source.name, list(source.tables)) == ("avisos", [ALL])
    assert source_column(source, ALL, "modo") == ["A", "B", "A"]


def test_several_files_follow_one_another_whatever_their_kind(
    data_request: Request, avisos: Path, tmp_path: Path
) -> None:
    more, other = tmp_path / "more.jsonl", tmp_path / "other.csv"
    other.write_bytes(avisos.read_bytes())
    more.write_text('{"modo": 3, "texto": "d", "extra": 1}\n', encoding="utf-8")
    data = data_request("csv", train=[str(avisos), str(more)], test=str(other), text=["texto"], labels=["modo"])
    source = open_source(data, tmp_path / "cache")
    assert list(source.tables) == ["train", "test"]
    assert source_column(source, "train", "modo") == ["A", "B", "A", "3"]
    assert source_column(source, "train", "texto") == ["a", "b", "c", "d"]


def test_all_mistakes_are_reported_together(data_request: Request, avisos: Path, tmp_path: Path) -> None:
    data = data_request(
        "csv",
        train=str(avisos),
        test=str(tmp_path / "aviso.csv"),
        text=["text"],
        labels=["modo", "cosa", "text"],
        split={"group": "equipo"},
    )
    result = [(mistake.key, mistake.value) for mistake in source_mistakes(data, tmp_path)]
    assert result == [
        ("data.labels", "text"),
        ("data.text", "text"),
        ("data.labels", "cosa"),
        ("data.labels", "text"),
        ("data.split.group", "equipo"),
        ("data.test", tmp_path / "aviso.csv"),
    ]


def test_of_several_files_the_remedy_keeps_those_that_are_there(
    data_request: Request, avisos: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.csv"
    other.write_bytes(avisos.read_bytes())
    paths = [str(avisos), str(tmp_path / "no.csv"), str(other), str(tmp_path / "none.csv")]
    mistakes = source_mistakes(data_request("csv", path=paths, text=["texto"], labels=["modo"]), tmp_path / "cache")
    assert [Path(str(mistake.value)).name for mistake in mistakes] == ["no.csv", "none.csv"]
    assert {mistake.remedy for mistake in mistakes} == {f"'data.path=[{avisos},{other}]'"}


def test_a_missing_column_lists_those_there_and_types_the_nearest(
    data_request: Request, avisos: Path, tmp_path: Path
) -> None:
    data = data_request("csv", path=str(avisos), text=["texto"], labels=["modo", "cauza"])
    (mistake,) = source_mistakes(data, tmp_path)
    assert "it has texto, modo, causa" in mistake.problem
    assert mistake.remedy == "'data.labels=[modo,causa]'"


def test_a_wrong_delimiter_is_guessed_from_the_header(data_request: Request, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("texto;modo\na;A\n", encoding="utf-8")
    result = source_mistakes(data_request("csv", path=str(path), text=["texto"], labels=["modo"]), tmp_path)
    assert {mistake.remedy for mistake in result} == {"'data.delimiter=\";\"'"}


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ({}, ["data.path"]),
        ({"path": "a.csv", "test": "b.csv"}, ["data.path", "data.path", "data.test"]),
        ({"test": "b.csv"}, ["data.path", "data.test"]),
        ({"path": "a.csv", "encoding": "utf-88", "delimiter": "||"}, ["data.delimiter", "data.encoding"]),
    ],
)
def test_wrong_requests(data_request: Request, tmp_path: Path, changes: dict[str, Any], keys: list[str]) -> None:
    named = {key: str(tmp_path / value) if key in ("path", "test") else value for key, value in changes.items()}
    result = source_mistakes(data_request("csv", text=["texto"], labels=["modo"], **named), tmp_path)
    assert [mistake.key for mistake in result] == keys


def test_columns_named_twice_or_on_both_sides(data_request: Request, avisos: Path, tmp_path: Path) -> None:
    data = data_request("csv", path=str(avisos), text=["texto", "modo", "texto"], labels=["modo"])
    problems = [mistake.problem for mistake in source_mistakes(data, tmp_path)]
    assert problems == ["is also a text column: the label would be part of the text", "is named twice"]


@pytest.mark.parametrize("taken", [["text"], ["row"], ["modo", "modo_predicted"], ["modo_probabilities", "modo"]])
def test_labels_named_like_columns_of_the_predictions(data_request: Request, tmp_path: Path, taken: list[str]) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"texto,{','.join(taken)}\nuno{',A' * len(taken)}\n", encoding="utf-8")
    (mistake,) = source_mistakes(data_request("csv", path=str(path), text=["texto"], labels=taken), tmp_path)
    assert mistake.key == "data.labels"
    assert mistake.value in {"text", "row", "modo_predicted", "modo_probabilities"}
    assert "test_predictions.parquet" in mistake.problem


def test_settings_that_no_file_is_read_by(data_request: Request, avisos: Path, tmp_path: Path) -> None:
    import pandas

    pandas.read_csv(avisos, dtype=str).to_parquet(tmp_path / "a.parquet")
    (tmp_path / "a.jsonl").write_text('{"texto": "uno", "modo": "A"}\n', encoding="utf-8")
    requested: dict[str, Any] = {"text": ["texto"], "labels": ["modo"], "delimiter": ";", "encoding": "latin-1"}
    parquet, lines = str(tmp_path / "a.parquet"), str(tmp_path / "a.jsonl")
    result = source_mistakes(data_request("csv", path=parquet, **requested), tmp_path)
    assert [mistake.key for mistake in result] == ["data.delimiter", "data.encoding"]
    (mistake,) = source_mistakes(data_request("csv", path=lines, **requested), tmp_path)
    assert mistake.key == "data.delimiter"
    (mistake,) = source_mistakes(
        data_request("csv", path=lines, **requested | {"delimiter": None, "quoting": "none"}), tmp_path
    )
    assert (mistake.key, mistake.remedy) == ("data.quoting", "data.quoting=auto")
    both = data_request("csv", path=[parquet, lines], **requested | {"delimiter": None})
    assert len(open_source(both, tmp_path / "cache").tables["all"]) == 4


def test_imdb_from_its_authors_folder(data_request: Request, tmp_path: Path) -> None:
    for split in ("train", "test"):
        for label in ("pos", "neg"):
            folder = tmp_path / "aclImdb" / split / label
            folder.mkdir(parents=True)
            for number in (0, 2, 10):
                (folder / f"{number}_7.txt").write_text(f"{split} {label} {number}", encoding="utf-8")
    source = open_source(data_request("imdb", path=str(tmp_path / "aclImdb")), tmp_path / "cache")
    assert source.name == "imdb"
    assert list(source.tables) == ["train", "test"]
    assert source_column(source, "train", "text")[2:4] == ["train neg 10", "train pos 0"]
    assert source_column(source, "test", "label") == ["neg"] * 3 + ["pos"] * 3
    wrong = data_request("imdb", path=str(tmp_path / "aclImdb"), splits={"test": "tset"})
    (mistake,) = source_mistakes(wrong, tmp_path)
    assert mistake.key == "data.splits.test"


def test_reviews_in_another_encoding_are_named(data_request: Request, tmp_path: Path) -> None:
    for folder in (tmp_path / "aclImdb" / split / label for split in ("train", "test") for label in ("pos", "neg")):
        folder.mkdir(parents=True)
        (folder / "0_7.txt").write_text("café", encoding="latin-1" if folder.name == "pos" else "utf-8")
    result = source_mistakes(data_request("imdb", path=str(tmp_path / "aclImdb")), tmp_path)
    assert [mistake.value for mistake in result] == [
        tmp_path / "aclImdb" / split / "pos" / "0_7.txt" for split in ("train", "test")
    ]


def test_imdb_from_a_file(data_request: Request, tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    path.write_text("text,label\ngood,pos\nbad,neg\n", encoding="utf-8")
    source = open_source(data_request("imdb", path=str(path)), tmp_path / "cache")
    assert (source.name, list(source.tables)) == ("reviews", [ALL])


def test_generated_reports_keep_their_class_order(data_request: Request, tmp_path: Path) -> None:
    source = open_source(data_request("maintenance", num_rows=100), tmp_path / "cache")
    assert source.columns.labels == tuple(source.classes) == ("modo", "causa", "prioridad")
    assert source.probabilities is not None
    assert source.probabilities["causa"].shape == (100, len(source.classes["causa"]))
    assert set(source_column(source, ALL, "causa")) <= set(source.classes["causa"])
    (mistake,) = source_mistakes(data_request("maintenance", num_rows=100, split={"group": "equipo"}), tmp_path)
    assert mistake.key == "data.split.group"


def test_an_imdb_file_that_needs_settings_points_to_csv(data_request: Request, tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    path.write_text("text,label\ncafé,pos\n", encoding="latin-1")
    (mistake,) = source_mistakes(data_request("imdb", path=str(path)), tmp_path)
    assert "is not utf-8" in mistake.problem
    assert "data=csv" in mistake.remedy
