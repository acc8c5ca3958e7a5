"""Answers are put where they stand, or dropped and named."""

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
        ("Bomba", 3, None, False),
        ("", 3, None, False),
        ("   ", 0, None, False),
    ],
)
def test_an_answer_goes_where_its_text_stands(text: str, start: int, found: Answer | None, moved: bool) -> None:
    assert placed(CONTEXT, text, start) == (found, moved)
    if found is not None:
        assert CONTEXT[found.start : found.end] == found.text


def test_of_two_places_as_near_the_first_is_taken() -> None:
    assert placed("ab ab", "ab", 1)[0] == Answer("ab", 0)
    assert occurrences("aaa", "aa") == [0, 1]


def test_what_is_dropped_and_lost_is_named() -> None:
    gathered = Gathered()
    context = gathered.context(CONTEXT, "turno")
    gathered.ask("a", "¿qué vibra?", context, [("bomba P-101", 3), ("bomba P-101", 2), ("motor", 0)])
    gathered.ask("b", "¿y el motor?", context, [("motor", 0)])
    gathered.ask("c", "¿y la turbina?", context, [])
    reading = gathered.reading()
    assert [question.id for question in reading.questions] == ["a", "c"]
    assert reading.questions[0].answers == (Answer("bomba P-101", 3),)
    assert reading.repaired == 1
    assert reading.dropped == (Dropped("a", "motor"), Dropped("b", "motor"))
    assert reading.lost == ("b",)
    assert reading.num_answers == 3
