"""Facts and lines about questions: what is moved, dropped, lost or shared between splits is said and counted."""

import pytest

from lab.config.schema import Questions
from lab.data.qa.question_rows import Answer, Question, Reading
from lab.data.qa.splits import QuestionSplit
from lab.data.qa.summary import question_facts, question_notes

SOUND = Question("q1", "¿Qué gotea?", 0, (Answer("la bomba", 10),))
UNPLACED = Question("q2", "¿Quién?", 0, (), unplaced=("un ingeniero",))
AMBIGUOUS = Question("q3", "¿Cuánto?", 1, (Answer("dos", 0),), ambiguous=("tres",))
UNANSWERED = Question("q4", "¿Por qué?", 1, ())


@pytest.fixture
def splits() -> dict[str, QuestionSplit]:
    return {
        "train": QuestionSplit(("a", "b"), (SOUND, AMBIGUOUS)),
        "val": QuestionSplit(("b", "c"), (UNPLACED, UNANSWERED)),
        "test": QuestionSplit(("d",), (SOUND,)),
    }


@pytest.fixture
def readings() -> dict[str, Reading]:
    questions = (SOUND, UNPLACED, AMBIGUOUS, UNANSWERED)
    return {"all": Reading(("a", "b"), ("d1", "d1"), questions, repaired=3, made_ids=2)}


def test_facts_count_each_kind_of_answer(splits: dict[str, QuestionSplit], readings: dict[str, Reading]) -> None:
    facts = question_facts(readings, splits, ["q2"], Questions.model_construct(language="es"))
    assert facts["rows"] == {"train": 2, "val": 2, "test": 1}
    assert facts["unanswered"] == {"train": 0, "val": 1, "test": 0}
    assert facts["unplaced"] == {"train": 0, "val": 1, "test": 0}
    assert (facts["answers_repaired"], facts["answers_dropped"], facts["answers_ambiguous"]) == (3, 1, 1)
    assert facts["dropped"] == [{"question": "q2", "text": "un ingeniero"}]
    assert (facts["val_contexts_in_train"], facts["test_contexts_in_train"]) == (1, 0)
    assert facts["questions_lost"] == ["q2"]


def test_each_oddity_has_a_line(splits: dict[str, QuestionSplit], readings: dict[str, Reading]) -> None:
    text = "\n".join(question_notes(readings, splits, ["q2"]))
    for words in (
        "train 2, val 2, test 1",
        "2 of 4 questions have no id",
        "3 answers were not where the file says",
        "'un ingeniero' does not occur in its context (question q2)",
        "data.ambiguous_answers=nearest",
        "1 questions lost all their answers",
        "1 questions of val and test are graded",
        "1 contexts of the val split are also in train",
    ):
        assert words in text
    assert "test split are also in train" not in text


def test_sound_questions_have_one_line() -> None:
    part = QuestionSplit(("a",), (SOUND,))
    other = QuestionSplit(("b",), (SOUND,))
    reading = Reading(("a",), ("d",), (SOUND,))
    assert len(question_notes({"all": reading}, {"train": part, "val": other, "test": other}, [])) == 1
