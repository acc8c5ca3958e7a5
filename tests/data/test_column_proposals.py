"""Requests without names of columns are answered with columns of their file, and the answer works when it is typed."""

import json
import shlex
from pathlib import Path

import pytest

import lab
from lab.core.errors import Mistake, RequestError
from lab.data.column_proposals import proposed, read_head

ROWS = [("1", "A", "fuga de agua en la bomba", "fuga"), ("2", "B", "cable roto", "rotura"),
        ("3", "A", "fuga de aceite", "fuga"), ("4", "B", "rotura de eje", "rotura")]  # fmt: skip
HEADER = ("día", "equipo", "aviso", "modo")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def csv(folder: Path, name: str = "avisos.csv", mark: str = ",", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_text("\n".join(map(mark.join, (HEADER, *ROWS))) + "\n", encoding=encoding)
    return path


def mistakes(*line: str) -> dict[str, Mistake]:
    with pytest.raises(RequestError) as caught:
        lab.compose(line)
    return {mistake.key: mistake for mistake in caught.value.mistakes}


def typed(found: dict[str, Mistake]) -> list[str]:
    return [word for mistake in found.values() for word in shlex.split(mistake.remedy)]


@pytest.mark.parametrize("name", ["avisos.csv", "avisos.jsonl", "avisos.parquet"])
def test_the_columns_of_the_file_are_named_and_the_remedies_work(folder: Path, name: str) -> None:
    import pandas

    frame = pandas.DataFrame(ROWS, columns=list(HEADER))
    if name.endswith(".jsonl"):
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in frame.to_dict("records")))
    elif name.endswith(".parquet"):
        frame.to_parquet(folder / name)
    else:
        csv(folder)
    found = mistakes("data=csv", f"data.path={name}", "model=ngram")
    assert set(found) == {"data.text", "data.labels"}
    assert found["data.text"].problem.endswith(f"{name} has the columns día, equipo, aviso, modo")
    config = lab.compose(["data=csv", f"data.path={name}", "model=ngram", *typed(found)])
    assert (config.data.text, config.data.labels) == (("aviso",), ("modo",))


def test_another_encoding_delimiter_and_file_are_named_at_once(folder: Path) -> None:
    csv(folder, mark=";", encoding="latin-1")
    found = mistakes("data=csv", "data.path=avios.csv", "model=ngram")
    line = ["data=csv", "model=ngram", "data.path=avisos.csv", *typed(found)]
    assert {"data.encoding=latin-1", 'data.delimiter=";"', "data.text=[aviso]", "data.labels=[modo]"} <= {*line}
    assert lab.compose(line).data.delimiter == ";"


def test_a_request_without_a_file_gets_one_of_the_working_folder(folder: Path) -> None:
    csv(folder)
    assert typed(mistakes("data=csv", "model=ngram")) == [
        "data.text=[aviso]",
        "data.labels=[modo]",
        "data.path=avisos.csv",
    ]


def test_a_request_without_any_file_gets_examples(folder: Path) -> None:
    assert mistakes("data=csv", "model=ngram")["data.text"].remedy == "'data.text=[descripcion]'"


def test_a_label_that_is_the_text_gets_another_text(folder: Path) -> None:
    csv(folder)
    line = ("data=csv", "data.path=avisos.csv", "model=ngram", "data.text=[modo]", "data.labels=[modo]")
    assert mistakes(*line)["data.labels"].remedy == "'data.text=[aviso]'"


def test_a_table_of_a_series_gets_its_time_and_label(folder: Path) -> None:
    (folder / "lluvia.csv").write_text(
        "estacion,fecha,mm,clase\n" + "".join(f"a,2020-01-0{i},{i},{i % 2}\n" for i in range(1, 9))
    )
    found = mistakes("data=series_table", "data.path=lluvia.csv", "model=inception_time")
    assert typed(found) == ["data.time=fecha", "data.label=clase"]


def test_shards_are_named_by_a_pattern(folder: Path) -> None:
    (folder / "parte-1.jsonl").write_text(
        "".join(json.dumps(dict(zip(HEADER, row, strict=True))) + "\n" for row in ROWS)
    )
    found = mistakes("data=csv", "data.path=parte-*.jsonl", "data.streaming=true", "model=ngram")
    assert found["data.text"].remedy == "'data.text=[aviso]'"


def test_a_broken_file_is_the_mistake(folder: Path) -> None:
    (folder / "a.parquet").write_text("no parquet")
    with pytest.raises(RequestError, match="cannot be read"):
        read_head("data.path", folder / "a.parquet")


def test_a_column_in_use_is_not_proposed() -> None:
    cells: dict[str, list[str | None]] = {"aviso": ["fuga larga", "roto"], "modo": ["a", "b"]}
    assert proposed("data.text", cells, {"aviso"}) == "modo"
    assert proposed("data.text", cells, {"aviso", "modo"}) is None
