"""Answers are put where they stand, or dropped and named."""

import unicodedata

import pytest

from lab.data.reading import Answer, Dropped, Gathered, occurrences, placed

CONTEXT = "la bomba P-101 vibra; la bomba P-102 no"


@pytest.mark.parametrize(
    ("text", "start", "found", "moved"),
    [
        ("bomba", 3, Answer("bomba", 3), False),
        ("bomba", 4, Answer("bomba", 3), True),
        ("bomba", 20, Answer("bomba", 25), True),
        ("bomba", -30, Answer("bomba", 3), True),
        ("bomba", 999, Answer("bomba", 25), True),
        (" vibra", 14, Answer("vibra", 15), False),
        ("vibra; ", 0, Answer("vibra;", 15), True),
        ("no  ", 37, Answer("no", 37), False),
        ("Bomba", 3, None, False),
    ],
)
def test_an_answer_goes_where_its_text_stands(text: str, start: int, found: Answer | None, moved: bool) -> None:
    assert placed(CONTEXT, text, start) == (found, moved)
    if found is not None:
        assert CONTEXT[found.start : found.end] == found.text


def test_of_two_places_as_near_the_first_is_taken() -> None:
    assert placed("ab ab", "ab", 1)[0] == Answer("ab", 0)
    assert occurrences("aaa", "aa") == [0, 1]


def test_what_stands_nowhere_is_named_and_stays_accepted() -> None:
    gathered = Gathered()
    context = gathered.context(CONTEXT, "turno")
    gathered.ask("a", "¿qué vibra?", context, [("motor ", 0), ("bomba P-101", 3), ("bomba P-101", 2), ("motor", 9)])
    gathered.ask("b", "¿y el motor?", context, [("motor", 0)])
    gathered.ask("c", "¿y la turbina?", context, [])
    reading = gathered.reading()
    assert [question.id for question in reading.questions] == ["a", "b", "c"]
    assert [question.answers for question in reading.questions] == [(Answer("bomba P-101", 3),), (), ()]
    assert [question.accepted for question in reading.questions] == [("bomba P-101", "motor"), ("motor",), ()]
    assert [question.lost for question in reading.questions] == [False, True, False]
    assert reading.repaired == 1
    assert reading.dropped == (Dropped("a", "motor"), Dropped("b", "motor"))
    assert reading.num_answers == 3


def test_a_text_that_is_accepted_at_two_places_is_accepted_once() -> None:
    gathered = Gathered()
    gathered.ask("a", "¿qué?", gathered.context(CONTEXT, "turno"), [("bomba", 3), ("bomba", 25)])
    (question,) = gathered.reading().questions
    assert question.answers == (Answer("bomba", 3), Answer("bomba", 25))
    assert question.accepted == ("bomba",)


def test_questions_lose_the_white_space_around_them() -> None:
    gathered = Gathered()
    gathered.ask("a", "\n   ¿qué vibra? ", gathered.context(CONTEXT, "turno"), [])
    assert gathered.reading().questions[0].text == "¿qué vibra?"


def test_a_blank_answer_is_none() -> None:
    gathered = Gathered()
    context = gathered.context(CONTEXT, "turno")
    gathered.ask("a", "¿qué?", context, [("", -1), ("  ", 0)])
    gathered.ask("b", "¿qué?", context, [("", -1), ("bomba", 3)])
    reading = gathered.reading()
    assert [question.accepted for question in reading.questions] == [(), ("bomba",)]
    assert not any(question.lost for question in reading.questions)
    assert (reading.num_answers, reading.dropped) == (1, ())


@pytest.mark.parametrize(("context", "answer"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_accents_of_unicodes_other_form_are_found(context: str, answer: str) -> None:
    text = unicodedata.normalize(context, "Se averió la válvula número 2.")
    found, moved = placed(text, unicodedata.normalize(answer, "válvula número"), 13)
    assert found is not None
    assert text[found.start : found.end] == found.text == unicodedata.normalize(context, "válvula número")
    assert moved
