"""Questions in splits: given ones stay, drawn ones keep documents whole, what is wrong is found together."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.core.errors import Mistake, RequestError
from lab.data.qa.corpus import load_questions

Request = Callable[..., Any]


def file(folder: Path, name: str, num_documents: int = 12, start: int = 0, **changes: Any) -> str:
    """Documents of two contexts with two questions each; ids are numbered from `start`."""
    data = []
    for number in range(num_documents):
        paragraphs = []
        for place in range(2):
            text = f"La bomba {name}-{number}-{place} vibra en la planta {number}."
            qas = [
                {"id": f"{start + number * 4 + place * 2 + n}", "question": f"¿Qué vibra en {n}?",
                 "answers": [{"text": f"{name}-{number}-{place}", "answer_start": 9}]} | changes for n in range(2)
            ]  # fmt: skip
            paragraphs.append({"context": text, "qas": qas})
        data.append({"title": f"{name} {number}", "paragraphs": paragraphs})
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"data": data}), encoding="utf-8")
    return str(path)


def mistakes(data: Any, folder: Path) -> list[Mistake]:
    with pytest.raises(RequestError) as caught:
        load_questions(data, folder)
    return list(caught.value.mistakes)


def test_a_file_is_split_by_document(data_request: Request, tmp_path: Path) -> None:
    data = data_request("squad", path=file(tmp_path, "a"), split={"val": 0.2, "test": 0.2})
    corpus = load_questions(data, tmp_path)
    named = {split: {c.split("planta ")[1] for c in requested.contexts} for split, requested in corpus.splits.items()}
    assert not (named["train"] & named["val"])
    assert not (named["train"] & named["test"])
    assert not (named["val"] & named["test"])
    assert sum(len(requested.questions) for requested in corpus.splits.values()) == 48
    assert corpus.facts["rows"] == {split: len(requested.questions) for split, requested in corpus.splits.items()}
    for requested in corpus.splits.values():
        for question in requested.questions:
            answer = question.answers[0]
            assert requested.contexts[question.context][answer.start : answer.end] == answer.text
    again = load_questions(data_request("squad", path=file(tmp_path, "a"), split={"val": 0.2, "test": 0.2}), tmp_path)
    assert again.fingerprint == corpus.fingerprint
    other = data_request("squad", path=file(tmp_path, "a"), split={"val": 0.2, "test": 0.2, "seed": 1})
    assert load_questions(other, tmp_path).fingerprint != corpus.fingerprint


def test_ids_name_the_test_questions(data_request: Request, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("0\n5\n47\n")
    data = data_request("squad", path=file(tmp_path, "a"), test_ids=str(tmp_path / "ids.txt"))
    corpus = load_questions(data, tmp_path)
    assert [question.id for question in corpus.splits["test"].questions] == ["0", "5", "47"]
    trained = {question.id for split in ("train", "val") for question in corpus.splits[split].questions}
    assert len(trained) == 45
    assert not trained & {"0", "5", "47"}
    (tmp_path / "ids.txt").write_text("0\nnone\n")
    assert "1 of 2 ids belong to no question: none" in mistakes(data, tmp_path)[0].problem


def test_given_splits_stay_and_missing_ones_are_drawn_from_train(data_request: Request, tmp_path: Path) -> None:
    train, test = file(tmp_path, "a"), file(tmp_path, "b", 3, start=100)
    corpus = load_questions(data_request("squad", train=train, test=test), tmp_path)
    assert len(corpus.splits["test"].questions) == 12
    assert len(corpus.splits["train"].questions) + len(corpus.splits["val"].questions) == 48
    assert len(corpus.splits["val"].questions) == 4
    same = load_questions(data_request("squad", train=train, test=train, leaks={"action": "warn"}), tmp_path)
    assert same.facts["leaks"]["test"]["same_share"] == pytest.approx(44 / 48)  # type: ignore[index]
    assert same.facts["leaks"]["val"]["same_share"] == 0.0  # type: ignore[index]
    (mistake,) = mistakes(data_request("squad", train=train, test=train), tmp_path)
    assert "44 of 48 questions of test are also in train" in mistake.problem
    assert same.facts["test_contexts_in_train"] != 0
    assert same.facts["val_contexts_in_train"] == 0
    assert any("of the test split are also in train" in note for note in same.notes)


def test_validation_contexts_that_are_trained_on_are_noted(data_request: Request, tmp_path: Path) -> None:
    """They choose the checkpoint."""
    train, test = file(tmp_path, "a"), file(tmp_path, "b", 3, start=100)
    data = data_request("squad", train=train, val=train, test=test, leaks={"action": "warn"})
    corpus = load_questions(data, tmp_path)
    assert corpus.facts["val_contexts_in_train"] == len(corpus.splits["val"].contexts)
    assert any("of the val split are also in train" in note for note in corpus.notes)


def test_caps_hold_and_their_contexts_go(data_request: Request, tmp_path: Path) -> None:
    data = data_request("squad", path=file(tmp_path, "a"), max_rows={"train": 5, "val": None, "test": 1})
    corpus = load_questions(data, tmp_path)
    assert [len(corpus.splits[split].questions) for split in ("train", "test")] == [5, 1]
    assert len(corpus.splits["test"].contexts) == 1


def test_unplaced_answers_are_dropped_up_to_a_share(data_request: Request, tmp_path: Path) -> None:
    path = Path(file(tmp_path, "a"))
    content = json.loads(path.read_text())
    content["data"][0]["paragraphs"][0]["qas"][0]["answers"] = [{"text": "motor", "answer_start": 0}]
    content["data"][0]["paragraphs"][0]["qas"][1]["answers"][0]["answer_start"] = 2
    path.write_text(json.dumps(content))
    corpus = load_questions(data_request("squad", path=str(path)), tmp_path)
    assert corpus.facts["answers_dropped"] == corpus.facts["answers_repaired"] == 1
    assert corpus.facts["dropped"] == [{"question": "0", "text": "motor"}]
    assert corpus.facts["questions_lost"] == ["0"]
    assert corpus.facts["unplaced"] == {"train": 0, "val": 0, "test": 0}
    assert "0" not in {question.id for requested in corpus.splits.values() for question in requested.questions}
    assert any("'motor' does not occur" in note for note in corpus.notes)
    assert "1 questions lost all their answers and are not trained on: 0" in corpus.notes
    result = mistakes(data_request("squad", path=str(path), dropped_share=0.0), tmp_path)
    assert "1 of 48 answers do not occur in their contexts: 'motor' (question 0)" in result[0].problem


def misplaced(path: str, *ids: str, text: str = "motor") -> str:
    """The file with one more accepted text, and for the questions named with that alone, which stands nowhere."""
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    for question in (q for document in content["data"] for one in document["paragraphs"] for q in one["qas"]):
        if question["id"] in ids:
            question["answers"] = [{"text": text, "answer_start": 0}]
    Path(path).write_text(json.dumps(content), encoding="utf-8")
    return path


def test_a_question_without_a_place_for_its_answer_is_graded_and_not_trained_on(
    data_request: Request, tmp_path: Path
) -> None:
    (tmp_path / "ids.txt").write_text("0\n5\n47\n")
    changes = {"test_ids": str(tmp_path / "ids.txt"), "dropped_share": 0.5, "no_answer": True}
    plain = load_questions(data_request("squad", path=file(tmp_path, "a"), **changes), tmp_path)
    trained, checked = (plain.splits[split].questions[0].id for split in ("train", "val"))
    ids = ("5", trained, checked)
    corpus = load_questions(data_request("squad", path=misplaced(file(tmp_path, "a"), *ids), **changes), tmp_path)
    assert [question.id for question in corpus.splits["test"].questions] == ["0", "5", "47"]
    assert corpus.splits["test"].references().answers[1] == ("motor",)
    assert corpus.splits["test"].questions[1].answers == ()
    assert corpus.splits["val"].questions[0].accepted == ("motor",)
    assert {q.id for q in plain.splits["train"].questions} - {q.id for q in corpus.splits["train"].questions} == {
        trained
    }
    assert corpus.facts["unanswered"] == {"train": 0, "val": 0, "test": 0}
    assert corpus.facts["unplaced"] == {"train": 0, "val": 1, "test": 1}
    assert corpus.facts["questions_lost"] == [trained]
    assert "2 questions of val and test are graded on answers whose place in the context is not known" in corpus.notes
    both = load_questions(
        data_request("squad", path=str(tmp_path / "a.json"), split={"train_on_val": True}, **changes), tmp_path
    )
    assert checked not in {question.id for question in both.splits["train"].questions}
    assert checked in {question.id for question in both.splits["val"].questions}


def test_files_a_split_keep_what_can_only_be_graded(data_request: Request, tmp_path: Path) -> None:
    train, test = misplaced(file(tmp_path, "a"), "0"), misplaced(file(tmp_path, "b", 3, start=100), "100")
    corpus = load_questions(data_request("squad", train=train, test=test, dropped_share=0.5), tmp_path)
    assert len(corpus.splits["test"].questions) == 12
    assert corpus.splits["test"].references().answers[0] == ("motor",)
    assert len(corpus.splits["train"].questions) + len(corpus.splits["val"].questions) == 47


def test_the_fingerprint_is_of_the_accepted_texts_too(data_request: Request, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("0\n")
    result = [
        load_questions(data_request("squad", path=misplaced(file(tmp_path, "a"), "0", text=text),
                                    test_ids=str(tmp_path / "ids.txt")), tmp_path).fingerprint
        for text in ("motor", "turbina", "motor")
    ]  # fmt: skip
    assert result[0] == result[2] != result[1]


def test_blank_answers_are_none(data_request: Request, tmp_path: Path) -> None:
    path = file(tmp_path, "a", 12, answers=[{"text": "", "answer_start": -1}])
    train = file(tmp_path, "b", 12, start=100)
    (result,) = mistakes(data_request("squad", train=train, test=path), tmp_path)
    assert (result.key, result.remedy) == ("data.test", "data.no_answer=true")
    assert result.problem.startswith("48 of 48 questions have no answer: 0, 1, 2")
    corpus = load_questions(data_request("squad", train=train, test=path, no_answer=True), tmp_path)
    assert corpus.facts["unanswered"]["test"] == 48  # type: ignore[index]
    assert corpus.facts["answers_dropped"] == 0


def test_questions_without_an_answer_must_be_requested(data_request: Request, tmp_path: Path) -> None:
    path = file(tmp_path, "a", answers=[], is_impossible=True)
    result = mistakes(data_request("squad", path=path), tmp_path)
    assert result[0].remedy == "data.no_answer=true"
    assert "no training question has an answer" in mistakes(
        data_request("squad", path=path, no_answer=True), tmp_path)[0].problem  # fmt: skip


def test_faults_of_all_files_come_together(data_request: Request, tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{")
    data = data_request("squad", train=str(tmp_path / "broken.json"), val=file(tmp_path, "v"), test="nowhere.json")
    assert [mistake.key for mistake in mistakes(data, tmp_path)] == ["data.train", "data.test"]


def test_too_few_documents_to_draw_from(data_request: Request, tmp_path: Path) -> None:
    result = mistakes(data_request("squad", path=file(tmp_path, "a", 2)), tmp_path)
    assert "2 documents cannot fill train and test and val" in result[0].problem


def hub_folder(folder: Path, **changes: Any) -> Path:
    """A data set of 20 rows a split in the hub's layout; changes: columns of the validation rows."""
    import datasets

    folder.mkdir()
    for split in ("train", "validation"):
        rows = [{"id": f"{split}{n}", "title": f"t{n}", "context": f"La bomba {n} vibra.",
                 "question": "¿Qué vibra?" if split == "train" else "¿Quién vibra?",
                 "answers": {"text": [f"bomba {n}"], "answer_start": [3]}} for n in range(20)]  # fmt: skip
        changed = [row | (changes if split == "validation" else {}) for row in rows]
        datasets.Dataset.from_list(changed).to_parquet(str(folder / f"{split}.parquet"))
    return folder


def test_a_folder_in_the_hubs_layout(data_request: Request, tmp_path: Path) -> None:
    folder = hub_folder(tmp_path / "questions")
    corpus = load_questions(data_request("squad", path=str(folder)), tmp_path / "cache")
    assert corpus.facts["rows"] == {"train": 18, "val": 2, "test": 20}


def test_ids_of_a_data_set_without_files_are_refused(data_request: Request, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("train0\n")
    for path in (hub_folder(tmp_path / "questions"), "some/name"):
        data = data_request("squad", path=str(path), test_ids=str(tmp_path / "ids.txt"))
        (result,) = mistakes(data, tmp_path / "cache")
        assert (result.key, result.remedy) == ("data.test_ids", "data.test_ids=null, or data.path=FILE.json")
        assert f"data.path={path} is not a file" in result.problem


def test_rows_that_cannot_be_read_are_named_with_their_split(data_request: Request, tmp_path: Path) -> None:
    folder = hub_folder(tmp_path / "questions", id="same")
    result = mistakes(data_request("squad", path=str(folder)), tmp_path / "cache")
    assert result[0].problem == "row[1].id is the same as row[0].id: 'same'"
    assert {(mistake.key, mistake.value) for mistake in result} == {("data.path", f"{folder}[validation]")}


def test_the_demo_needs_nothing(data_request: Request, tmp_path: Path) -> None:
    corpus = load_questions(data_request("qa_demo", num_contexts=40), tmp_path)
    assert corpus.name == "qa_demo"
    assert corpus.facts["rows"] == {"train": 96, "val": 12, "test": 12}


def test_val_questions_can_be_trained_on_when_nothing_is_chosen_any_more(data_request: Request, tmp_path: Path) -> None:
    path = file(tmp_path, "a")
    apart = load_questions(data_request("squad", path=path), tmp_path)
    both = load_questions(data_request("squad", path=path, split={"train_on_val": True}), tmp_path)
    ids = {split: [q.id for q in apart.splits[split].questions] for split in apart.splits}
    train = both.splits["train"]
    assert [q.id for q in train.questions] == ids["train"] + ids["val"]
    assert [q.id for q in both.splits["test"].questions] == ids["test"]
    assert all(train.contexts[q.context][a.start : a.end] == a.text for q in train.questions for a in q.answers)
    assert both.fingerprint != apart.fingerprint
    assert any("train_on_val" in note for note in both.notes)


def shifted(folder: Path, start: int, num_documents: int = 12) -> str:
    """A file in which every answer stands twice and no offset is right."""
    path = Path(file(folder, "a", num_documents))
    content = json.loads(path.read_text(encoding="utf-8"))
    for paragraph in (one for document in content["data"] for one in document["paragraphs"]):
        paragraph["context"] += f" Se revisa la bomba {paragraph['context'].split()[2]}."
        for requested in paragraph["qas"]:
            requested["answers"][0]["answer_start"] = start
    path.write_text(json.dumps(content), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("start", [0, 500])
def test_ambiguous_answers_are_not_trained_on(data_request: Request, tmp_path: Path, start: int) -> None:
    sound, path = file(tmp_path, "b", start=100), shifted(tmp_path, start, 2)
    content = json.loads(Path(sound).read_text(encoding="utf-8"))
    content["data"] += json.loads(Path(path).read_text(encoding="utf-8"))["data"]
    Path(path).write_text(json.dumps(content), encoding="utf-8")
    corpus = load_questions(data_request("squad", path=path), tmp_path)
    assert corpus.facts["answers_ambiguous"] == 8
    assert corpus.facts["ambiguous"][0] == {"question": "0", "text": "a-0-0"}  # type: ignore[index]
    assert corpus.facts["offsets"] == {"all": "characters"}
    assert all(question.answers for question in corpus.splits["train"].questions)
    (note,) = (note for note in corpus.notes if "occur several times" in note)
    assert note.startswith("8 answers are not where the file says")
    assert "'a-0-0' (question 0)" in note
    moved = load_questions(data_request("squad", path=path, ambiguous_answers="nearest"), tmp_path)
    assert moved.facts["answers_ambiguous"] == 0
    assert moved.facts["answers_repaired"] == 8
    assert moved.fingerprint != corpus.fingerprint


def test_where_no_answer_has_a_known_place_the_remedy_is_named_and_works(data_request: Request, tmp_path: Path) -> None:
    path = shifted(tmp_path, 0)
    (result,) = mistakes(data_request("squad", path=path), tmp_path)
    assert (result.key, result.remedy) == ("data.ambiguous_answers", "data.ambiguous_answers=nearest")
    corpus = load_questions(data_request("squad", path=path, ambiguous_answers="nearest"), tmp_path)
    assert corpus.splits["train"].questions


def test_unit_of_offsets_and_missing_ids_are_noted(data_request: Request, tmp_path: Path) -> None:
    path = Path(file(tmp_path, "a"))
    content = json.loads(path.read_text(encoding="utf-8"))
    for paragraph in (one for document in content["data"] for one in document["paragraphs"]):
        paragraph["context"] = f"Avería núm. 1: {paragraph['context']}"
        for requested in paragraph["qas"]:
            del requested["id"]
            requested["answers"][0]["answer_start"] += len("Avería núm. 1: ".encode())
    path.write_text(json.dumps(content), encoding="utf-8")
    corpus = load_questions(data_request("squad", path=str(path)), tmp_path)
    assert corpus.facts["offsets"] == {"all": "UTF-8 bytes"}
    assert corpus.facts["answers_repaired"] == 0
    assert "data.path: answer_start counts UTF-8 bytes, not characters, and is read accordingly" in corpus.notes
    assert "data.path: 48 of 48 questions have no id and are named by their place in the file" in corpus.notes
