"""SQuAD files: what is right is read, and everything that is wrong is named by where it stands."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lab.data.squad import MOST_FAULTS, read_ids, read_rows, read_squad
from lab.data.tables import Table
from lab.errors import Mistake, RequestError

FAQUAD = os.environ.get("LAB_FAQUAD")
CONTEXT = "La bomba P-101 vibra desde el martes."


def document(*questions: dict[str, Any], title: str = "turno", context: str = CONTEXT) -> dict[str, Any]:
    return {"title": title, "paragraphs": [{"context": context, "qas": list(questions)}]}


def question(name: str = "a", **changes: Any) -> dict[str, Any]:
    return {"id": name, "question": "¿Qué vibra?", "answers": [{"text": "bomba P-101", "answer_start": 3}]} | changes


def written(folder: Path, *documents: Any) -> Path:
    path = folder / "turno.json"
    path.write_text(json.dumps({"version": "1.1", "data": list(documents)}), encoding="utf-8")
    return path


def faults(path: Path) -> list[Mistake]:
    with pytest.raises(RequestError) as caught:
        read_squad(path, "data.path")
    return list(caught.value.mistakes)


def test_a_file_of_each_version_is_read(tmp_path: Path) -> None:
    silent = question("b", is_impossible=True, answers=[], plausible_answers=[{"text": "martes", "answer_start": 30}])
    reading = read_squad(written(tmp_path, document(question(), silent), document(question("c"), title="otro")), "k")
    assert [one.id for one in reading.questions] == ["a", "b", "c"]
    assert [len(one.answers) for one in reading.questions] == [1, 0, 1]
    assert reading.documents == ("turno", "otro")
    assert [one.context for one in reading.questions] == [0, 0, 1]


def test_a_byte_order_mark_and_accents_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("\ufeff" + json.dumps({"data": [document(question(question="¿Cuál?"))]}, ensure_ascii=False))
    assert read_squad(path, "k").questions[0].text == "¿Cuál?"


def test_every_fault_of_shape_is_named_by_its_place(tmp_path: Path) -> None:
    nameless = question()
    del nameless["id"]
    path = written(
        tmp_path,
        document(nameless, question("b", answers=[{"text": "bomba"}]), question("c", answers="bomba")),
        {"title": "x", "paragraphs": [{"contexto": CONTEXT, "qas": []}, 7]},
        document(question("d"), question("d"), question("e", question=" "), question("f", question="x" * 99)),
        document(question("g", answers=[{"text": 5, "answer_start": "3"}]), title="y", context=" "),
    )
    found = faults(path)
    named = [mistake.problem for mistake in found]
    assert named == [
        "data[0].paragraphs[0].qas[0].id is missing",
        "data[0].paragraphs[0].qas[1].answers[0].answer_start is missing",
        "data[0].paragraphs[0].qas[2].answers must be a list",
        "data[1].paragraphs[0].context is missing; the nearest is contexto",
        "data[1].paragraphs[1] is no object",
        "data[2].paragraphs[0].qas[1].id is the same as data[2].paragraphs[0].qas[0].id: 'd'",
        "data[2].paragraphs[0].qas[2].question is empty (id 'e')",
        "data[2].paragraphs[0].qas[3].question is longer than its context (id 'f'): are they swapped?",
        "data[3].paragraphs[0].context is empty",
        "data[3].paragraphs[0].qas[0].answers[0].text must be text",
        "and 1 more such faults",
    ]
    assert {(mistake.key, mistake.value) for mistake in found} == {("data.path", path)}
    assert len(found) == MOST_FAULTS + 1


def test_broken_json_is_named_by_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"data": [\n  {"title": "x",\n   "paragraphs": [}\n')
    assert faults(path)[0].problem == "is no JSON: Expecting value at line 3, column 19"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"date": []}', "has no list `data`"),
        ("[1, 2]", "has no list `data`"),
        ('{"data": []}', "holds no question"),
        ('{"data": 3}', "data must be a list"),
        ("", "is no JSON"),
    ],
)
def test_another_kind_of_file_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    assert problem in faults(path)[0].problem


def test_a_missing_file_names_the_one_beside_it(tmp_path: Path) -> None:
    written(tmp_path, document(question()))
    assert faults(tmp_path / "turnos.json")[0].remedy == f"data.path={tmp_path / 'turno.json'}"
    (tmp_path / "latin.json").write_bytes('{"data": "á"}'.encode("latin-1"))
    assert "is not UTF-8" in faults(tmp_path / "latin.json")[0].problem
    assert "is a folder" in faults(tmp_path)[0].problem


def test_ids_as_a_list_or_one_a_line(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('["x", "y", "x"]')
    (tmp_path / "b.txt").write_text("x\n\n y \n")
    (tmp_path / "c.json").write_text('{"x": 1}')
    (tmp_path / "d.txt").write_text("\n")
    assert read_ids(tmp_path / "a.json", "k") == read_ids(tmp_path / "b.txt", "k") == ["x", "y"]
    for name in ("c.json", "d.txt"):
        with pytest.raises(RequestError):
            read_ids(tmp_path / name, "k")


def test_rows_of_the_hub(tmp_path: Path) -> None:
    import datasets

    rows = [
        {"id": str(n), "title": "t", "context": CONTEXT, "question": "¿Qué?",
         "answers": {"text": ["vibra"], "answer_start": [n]}} for n in (15, 16)
    ]  # fmt: skip
    reading = read_rows(Table(datasets.Dataset.from_list(rows)), "data.path", "some/name")
    assert len(reading.contexts) == 1
    assert [one.answers[0].start for one in reading.questions] == [15, 15]
    assert reading.repaired == 1
    with pytest.raises(RequestError, match="has no column answers"):
        read_rows(Table(datasets.Dataset.from_list([{"id": "1", "context": "", "question": ""}])), "data.path", "n")


@pytest.mark.skipif(FAQUAD is None, reason="LAB_FAQUAD names no folder with dataset.json and dev_ids.json")
def test_all_of_faquad_loads(tmp_path: Path) -> None:
    assert FAQUAD is not None
    reading = read_squad(Path(FAQUAD) / "dataset.json", "data.path")
    assert len(reading.questions) == 900
    assert len(set(reading.documents)) == 39
    assert (reading.repaired, len(reading.dropped)) == (32, 1)
    assert reading.dropped[0].question == "8150ec1777054fc8838a52c1f2223290"
    assert reading.num_answers == 1541
    ids = read_ids(Path(FAQUAD) / "dev_ids.json", "data.test_ids")
    assert Counter(one.id in set(ids) for one in reading.questions) == {False: 837, True: 63}
    for one in reading.questions:
        for answer in one.answers:
            assert reading.contexts[one.context][answer.start : answer.end] == answer.text
