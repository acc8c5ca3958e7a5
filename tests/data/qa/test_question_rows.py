"""Answers are put where they stand, or dropped and named."""

import unicodedata

import pytest

from lab.data.qa.answer_offsets import FileAnswer
from lab.data.qa.question_rows import Answer, Dropped, ReadingBuilder, occurrences, place_answer

CONTEXT = "la bomba P-101 vibra; la bomba P-102 no"


@pytest.mark.parametrize(
    ("text", "start", "result", "moved"),
    [
        ("bomba", 3, Answer("bomba", 3), False),
        ("P-102", 4, Answer("P-102", 31), True),
        ("P-102", -30, Answer("P-102", 31), True),
        ("P-102", 999, Answer("P-102", 31), True),
        ("bomba", 4, None, False),
        ("bomba", -30, None, False),
        ("bomba", 999, None, False),
        (" vibra", 15, Answer("vibra", 15), False),
        (" vibra", 14, Answer("vibra", 15), False),
        ("vibra; ", 0, Answer("vibra;", 15), True),
        ("no  ", 37, Answer("no", 37), False),
        ("Bomba", 3, None, False),
    ],
)
def test_an_answer_moves_to_the_place_of_its_text(text: str, start: int, result: Answer | None, moved: bool) -> None:
    place = start if 0 <= start < len(CONTEXT) else None
    known = place_answer(CONTEXT, FileAnswer(text, start), place, "leave_out")
    assert (known.answer, known.moved) == (result, moved)
    if result is not None:
        assert CONTEXT[result.start : result.end] == result.text


@pytest.mark.parametrize(("start", "result"), [(4, 3), (20, 25), (-30, 3), (999, 25)])
def test_an_ambiguous_answer_is_moved_to_the_nearest_place_on_request(start: int, result: int) -> None:
    given, place = FileAnswer("bomba", start), start if 0 <= start < len(CONTEXT) else None
    assert place_answer(CONTEXT, given, place, "leave_out").num == 2
    assert place_answer(CONTEXT, given, place, "nearest").answer == Answer("bomba", result)


def test_of_two_places_as_near_the_first_is_taken() -> None:
    assert place_answer("ab ab", FileAnswer("ab", 1), 1, "nearest").answer == Answer("ab", 0)
    assert occurrences("aaa", "aa") == [0, 1]


def test_ambiguous_answers_are_named_and_accepted() -> None:
    builder = ReadingBuilder()
    context = builder.context(CONTEXT, "turno")
    builder.ask("a", "¿qué vibra?", context, [("bomba", 9), ("P-101", 0)])
    builder.ask("b", "¿y qué no?", context, [("bomba", 9)])
    reading = builder.reading()
    assert [question.answers for question in reading.questions] == [(Answer("P-101", 9),), ()]
    assert [question.accepted for question in reading.questions] == [("P-101", "bomba"), ("bomba",)]
    assert [question.lost for question in reading.questions] == [False, True]
    assert reading.ambiguous == (Dropped("a", "bomba"), Dropped("b", "bomba"))
    assert (reading.dropped, reading.repaired, reading.num_answers) == ((), 1, 3)
    assert [question.answers for question in builder.reading("nearest").questions][1] == (Answer("bomba", 3),)


def test_unplaced_answers_are_named_and_accepted() -> None:
    builder = ReadingBuilder()
    context = builder.context(CONTEXT, "turno")
    builder.ask("a", "¿qué vibra?", context, [("motor ", 0), ("bomba P-101", 3), ("bomba P-101", 2), ("motor", 9)])
    builder.ask("b", "¿y el motor?", context, [("motor", 0)])
    builder.ask("c", "¿y la turbina?", context, [])
    reading = builder.reading()
    assert [question.id for question in reading.questions] == ["a", "b", "c"]
    assert [question.answers for question in reading.questions] == [(Answer("bomba P-101", 3),), (), ()]
    assert [question.accepted for question in reading.questions] == [("bomba P-101", "motor"), ("motor",), ()]
    assert [question.lost for question in reading.questions] == [False, True, False]
    assert reading.repaired == 1
    assert reading.dropped == (Dropped("a", "motor"), Dropped("b", "motor"))
    assert reading.num_answers == 3


def test_a_text_that_is_accepted_at_two_places_is_accepted_once() -> None:
    builder = ReadingBuilder()
    builder.ask("a", "¿qué?", builder.context(CONTEXT, "turno"), [("bomba", 3), ("bomba", 25)])
    (question,) = builder.reading().questions
    assert question.answers == (Answer("bomba", 3), Answer("bomba", 25))
    assert question.accepted == ("bomba",)


def test_questions_lose_the_white_space_around_them() -> None:
    builder = ReadingBuilder()
    builder.ask("a", "\n   ¿qué vibra? ", builder.context(CONTEXT, "turno"), [])
    assert builder.reading().questions[0].text == "¿qué vibra?"


def test_a_blank_answer_is_none() -> None:
    builder = ReadingBuilder()
    context = builder.context(CONTEXT, "turno")
    builder.ask("a", "¿qué?", context, [("", -1), ("  ", 0)])
    builder.ask("b", "¿qué?", context, [("", -1), ("bomba", 3)])
    reading = builder.reading()
    assert [question.accepted for question in reading.questions] == [(), ("bomba",)]
    assert not any(question.lost for question in reading.questions)
    assert (reading.num_answers, reading.dropped) == (1, ())


@pytest.mark.parametrize(("context", "answer"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_accents_of_unicodes_other_form_match(context: str, answer: str) -> None:
    text = unicodedata.normalize(context, "Se averió la válvula número 2.")
    known = place_answer(text, FileAnswer(unicodedata.normalize(answer, "válvula número"), 13), 13, "leave_out")
    result = known.answer
    assert result is not None
    assert text[result.start : result.end] == result.text == unicodedata.normalize(context, "válvula número")
    assert known.moved
