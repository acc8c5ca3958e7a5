"""SQuAD files: what is right is read, and everything that is wrong is named by where it stands."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lab.core.errors import Mistake, RequestError
from lab.data.qa.squad import MAX_FAULTS, read_ids, read_rows, read_squad
from lab.data.readers.text_table import Table

FAQUAD = os.environ.get("LAB_FAQUAD")
CONTEXT = "La bomba P-101 vibra desde el martes."


def document(*questions: dict[str, Any], title: str = "turno", context: str = CONTEXT) -> dict[str, Any]:
    return {"title": title, "paragraphs": [{"context": context, "qas": list(questions)}]}


def question(name: object = "a", **changes: Any) -> dict[str, Any]:
    return {"id": name, "question": "¿Qué vibra?", "answers": [{"text": "bomba P-101", "answer_start": 3}]} | changes


def written(folder: Path, *documents: Any) -> Path:
    path = folder / "turno.json"
    path.write_text(json.dumps({"version": "1.1", "data": list(documents)}), encoding="utf-8")
    return path


def faults(path: Path) -> list[Mistake]:
    with pytest.raises(RequestError) as caught:
        read_squad(path, "data.path")
    return list(caught.value.mistakes)


def test_ids_and_offsets_may_be_written_otherwise(tmp_path: Path) -> None:
    """Files that went through a table program or another language's JSON."""
    starts: tuple[object, ...] = (3, "3", 3.0, "3.0", " 3 ")
    names: tuple[object, ...] = (7, "b", 12.0, "d", 2**40)
    requested = [
        question(name, answers=[{"text": "bomba P-101", "answer_start": start}])
        for name, start in zip(names, starts, strict=True)
    ]
    reading = read_squad(written(tmp_path, document(*requested)), "k")
    assert [one.id for one in reading.questions] == ["7", "b", "12", "d", str(2**40)]
    assert {one.answers[0].start for one in reading.questions} == {3}
    for wrong in (3.5, "3,0", "x", True, None):
        (fault,) = faults(written(tmp_path, document(question(answers=[{"text": "bomba", "answer_start": wrong}]))))
        assert fault.problem.endswith("answer_start must be a whole number")


def test_questions_without_an_id_get_one(tmp_path: Path) -> None:
    nameless = question()
    del nameless["id"]
    reading = read_squad(written(tmp_path, document(nameless, question(None), question("c"))), "k")
    assert [one.id for one in reading.questions] == [
        "data[0].paragraphs[0].qas[0]", "data[0].paragraphs[0].qas[1]", "c",
    ]  # fmt: skip
    assert reading.made_ids == 2
    rows = [{name: value for name, value in row().items() if name != "id"} for _ in range(2)]
    assert [one.id for one in read_rows(table(*rows), "k", "n").questions] == ["row[0]", "row[1]"]


@pytest.mark.parametrize(
    ("answers", "accepted"),
    [
        (None, ()),
        ({"text": ["vibra", "bomba P-101"], "answer_start": [15, 3]}, ("vibra", "bomba P-101")),
        ({"text": "vibra", "answer_start": 15}, ("vibra",)),
        ({"text": [], "answer_start": []}, ()),
        ({"text": None, "answer_start": None}, ()),
    ],
)
def test_answers_of_a_file_come_in_the_hubs_layout_or_not_at_all(
    tmp_path: Path, answers: Any, accepted: tuple[str, ...]
) -> None:
    reading = read_squad(written(tmp_path, document(question(answers=answers))), "k")
    assert reading.questions[0].accepted == accepted


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
    nameless = question(True)
    path = written(
        tmp_path,
        document(nameless, question("b", answers=[{"text": "bomba"}]), question("c", answers="bomba")),
        {"title": "x", "paragraphs": [{"contexto": CONTEXT, "qas": []}, 7]},
        document(question("d"), question("d"), question("e", question=" "), question(" f", question="x\ud800")),
        document(question("g", answers=[{"text": 5, "answer_start": "tres"}]), title="y", context=" "),
    )
    result = faults(path)
    named = [mistake.problem for mistake in result]
    assert named == [
        "data[0].paragraphs[0].qas[0].id must be text",
        "data[0].paragraphs[0].qas[1].answers[0].answer_start is missing",
        "data[0].paragraphs[0].qas[2].answers must be a list",
        "data[1].paragraphs[0].context is missing; the nearest is contexto",
        "data[1].paragraphs[1] is not an object",
        "data[2].paragraphs[0].qas[1].id is the same as data[2].paragraphs[0].qas[0].id: 'd'",
        "data[2].paragraphs[0].qas[2].question is empty (id 'e')",
        "data[2].paragraphs[0].qas[3].question contains '\\ud800', half of a character",
        "data[3].paragraphs[0].context is empty",
        "data[3].paragraphs[0].qas[0].answers[0].text must be text",
        "and 1 more such faults",
    ]
    assert {(mistake.key, mistake.value) for mistake in result} == {("data.path", path)}
    assert len(result) == MAX_FAULTS + 1


def test_questions_longer_than_their_contexts_are_a_fault_where_most_are(tmp_path: Path) -> None:
    short = document(
        question("b", question="¿Qué equipo tiene la vibración más alta?"), context="La bomba P-101 vibra."
    )
    reading = read_squad(written(tmp_path, short, document(question("a"))), "k")
    assert [one.id for one in reading.questions] == ["b", "a"]
    spaced = document(question("c", question=" " * 500 + "¿Qué vibra?\n" * 2))
    assert read_squad(written(tmp_path, spaced), "k").questions[0].text == "¿Qué vibra?\n¿Qué vibra?"
    swapped = document(*(question(name, question="x" * 99) for name in "def"))
    assert [mistake.problem for mistake in faults(written(tmp_path, document(question("a")), swapped, short))] == [
        "4 of 5 questions are longer than their contexts, the first data[1].paragraphs[0].qas[0] (id 'd'): "
        "are they swapped?"
    ]


def test_half_a_character_is_named_wherever_it_is(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        document(question("a\udfff"), question("b", answers=[{"text": "\ud800", "answer_start": 0}])),
        document(context=f"{CONTEXT}\ud83d"),
    )
    assert [mistake.problem for mistake in faults(path)] == [
        "data[0].paragraphs[0].qas[0].id contains '\\udfff', half of a character",
        "data[0].paragraphs[0].qas[1].answers[0].text contains '\\ud800', half of a character",
        "data[1].paragraphs[0].context contains '\\ud83d', half of a character",
    ]
    whole = read_squad(written(tmp_path, document(question("a", question="¿Qué \U0001f600?"))), "k")
    assert whole.questions[0].text == "¿Qué \U0001f600?"
    (tmp_path / "ids.json").write_text('["a", "\\ud800"]')
    with pytest.raises(RequestError, match="is not a list of ids"):
        read_ids(tmp_path / "ids.json", "k")


def test_a_file_that_no_parser_gets_through_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("[" * 100_000)
    assert faults(path)[0].problem == "is nested too deeply"
    with pytest.raises(RequestError, match="is nested too deeply"):
        read_ids(path, "k")
    path.write_text(f'{{"data": {"9" * 5000}}}')
    assert "cannot be read: Exceeds the limit" in faults(path)[0].problem


def test_broken_json_is_named_by_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"data": [\n  {"title": "x",\n   "paragraphs": [}\n')
    assert faults(path)[0].problem == "is not JSON: Expecting value at line 3, column 19"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"date": []}', "has no list `data`"),
        ("[1, 2]", "has no list `data`"),
        ('{"data": []}', "contains no question"),
        ('{"data": 3}', "data must be a list"),
        ("", "is not JSON"),
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


def table(*rows: dict[str, Any]) -> Table:
    import datasets

    return Table(datasets.Dataset.from_list(list(rows)))


def row(name: object = "a", **changes: Any) -> dict[str, Any]:
    return question(name) | {"title": "t", "context": CONTEXT} | changes


def test_rows_hold_answers_as_columns_or_as_a_list() -> None:
    answers = question()["answers"]
    listed = read_rows(table(row(), row("b", answers=[])), "data.path", "n")
    columns = {"text": ["bomba P-101"], "answer_start": [3]}
    paired = read_rows(table(row(answers=columns), row("b", answers={"text": [], "answer_start": []})), "k", "n")
    assert listed == paired
    assert [one.accepted for one in listed.questions] == [(answers[0]["text"],), ()]
    numbered = read_rows(table(row(7), row(8, question="  ¿Qué?")), "k", "n")
    assert [(one.id, one.text) for one in numbered.questions] == [("7", "¿Qué vibra?"), ("8", "¿Qué?")]
    silent = read_rows(table(row(is_impossible=False), row("b", is_impossible=True, answers=None)), "k", "n")
    assert [one.accepted for one in silent.questions] == [("bomba P-101",), ()]


def test_every_fault_of_rows_is_named_by_its_place() -> None:
    result = table(
        row(), row(), row("b", context=None), row("c", answers=None), row(None), row("d", question=None),
        row("e", context=" "), row("f", question=""), row("g", answers=[{"text": None, "answer_start": 3}]),
    )  # fmt: skip
    with pytest.raises(RequestError) as caught:
        read_rows(result, "data.path", "some/name[train]")
    assert [mistake.problem for mistake in caught.value.mistakes] == [
        "row[1].id is the same as row[0].id: 'a'",
        "row[2].context must be text",
        "row[5].question must be text",
        "row[6].context is empty",
        "row[7].question is empty (id 'f')",
        "row[8].answers[0].text must be text",
    ]
    assert {(mistake.key, mistake.value) for mistake in caught.value.mistakes} == {("data.path", "some/name[train]")}


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        (
            {"text": ["vibra", "P-101"], "answer_start": [15]},
            "row[0].answers has 2 items in text and 1 in answer_start",
        ),
        ({"text": None, "answer_start": [15]}, "row[0].answers.text must be a list"),
        ({"text": ["vibra"]}, "row[0].answers.answer_start is missing"),
        ({"text": ["vibra"], "answer_start": [None]}, "row[0].answers[0].answer_start must be a whole number"),
        ("vibra", "row[0].answers must be a list"),
    ],
)
def test_columns_of_answers_that_do_not_fit_are_named(answers: Any, problem: str) -> None:
    with pytest.raises(RequestError) as caught:
        read_rows(table(row(answers=answers)), "data.path", "n")
    assert [mistake.problem for mistake in caught.value.mistakes] == [problem]


def test_rows_have_the_same_rules_as_files() -> None:
    with pytest.raises(RequestError, match=r"1 of 1 questions are longer than their contexts, the first row\[0\]"):
        read_rows(table(row(question="x" * 99)), "data.path", "n")
    with pytest.raises(RequestError, match="contains no question"):
        read_rows(Table(table(row()).data.select([])), "data.path", "n")


@pytest.mark.skipif(FAQUAD is None, reason="LAB_FAQUAD names no folder with dataset.json and dev_ids.json")
def test_all_of_faquad_loads(tmp_path: Path) -> None:
    assert FAQUAD is not None
    reading = read_squad(Path(FAQUAD) / "dataset.json", "data.path")
    assert len(reading.questions) == 900
    assert len(set(reading.documents)) == 39
    assert (reading.repaired, len(reading.dropped), len(reading.ambiguous)) == (31, 1, 1)
    assert reading.ambiguous[0].text == "banca"  # stands three times, and the file says 0
    assert reading.dropped[0].question == "8150ec1777054fc8838a52c1f2223290"
    assert reading.num_answers == 1541
    (short,) = (one for one in reading.questions if one.unplaced)
    assert str(reading.counting) == "characters"
    assert (len(short.answers), len(short.accepted)) == (2, 3)
    ids = read_ids(Path(FAQUAD) / "dev_ids.json", "data.test_ids")
    assert Counter(one.id in set(ids) for one in reading.questions) == {False: 837, True: 63}
    for one in reading.questions:
        for answer in one.answers:
            assert reading.contexts[one.context][answer.start : answer.end] == answer.text
