"""The counting of a file is found, and no answer is moved to a wrong place."""

import random
import unicodedata
from collections.abc import Callable, Sequence

import pytest

from lab.data.qa.answer_offsets import CHARACTERS, COUNTINGS, Counting, FileAnswer, counting_of, match_at
from lab.data.qa.question_rows import Reading, ReadingBuilder

WORDS = ("la", "bomba", "avería", "señal", "😀", "válvula", "bomba", "el", "año", "P-101", "🛠️", "niño")


def passages(num: int, breaks: str = "\n") -> list[str]:
    """Texts with accents, emoji and line breaks in which most words stand several times."""
    drawn = random.Random(0)
    return [
        breaks.join(" ".join(drawn.choices(WORDS, k=8)) for _ in range(4)) + f"{breaks}folio{number}"
        for number in range(num)
    ]


def reading(contexts: Sequence[str], offset: Callable[[str, int], int], seed: int = 1) -> tuple[Reading, list[int]]:
    """Twelve answers of each context, their offsets as `offset(context, characters)` counts; and their true places."""
    drawn, builder, true = random.Random(seed), ReadingBuilder(), []
    for number, text in enumerate(contexts):
        context = builder.context(text, f"d{number}")
        for order in range(12):
            word = drawn.choice(text.split())
            places = [place for place in range(len(text)) if text.startswith(word, place)]
            place = drawn.choice(places)
            true.append(place)
            builder.ask(f"{number}-{order}", "¿?", context, [(word, offset(text, place))])
    return builder.reading(), true


OTHERS: dict[str, Callable[[str, int], int]] = {
    "UTF-8 bytes": lambda text, place: len(text[:place].encode()),
    "UTF-16 units": lambda text, place: len(text[:place].encode("utf-16-le")) // 2,
    "characters, each line feed as two": lambda text, place: place + text[:place].count("\n"),
    "UTF-8 bytes, each line feed as two": lambda text, place: len(text[:place].replace("\n", "\r\n").encode()),
    "characters with their accents apart (NFD)": lambda text, place: len(unicodedata.normalize("NFD", text[:place])),
    "characters, from 1": lambda _, place: place + 1,
}


@pytest.mark.parametrize("name", OTHERS)
def test_every_answer_is_where_its_file_means_it(name: str) -> None:
    result, true = reading(passages(100), OTHERS[name])
    assert str(result.counting) == name
    assert [question.answers[0].start for question in result.questions] == true
    assert (result.repaired, result.ambiguous, result.dropped) == (0, (), ())


def test_a_context_with_crlf_whose_offsets_are_of_line_feeds() -> None:
    result, true = reading(passages(50, "\r\n"), lambda text, place: place - text[:place].count("\r\n"))
    assert str(result.counting) == "characters, each CRLF as one"
    assert [question.answers[0].start for question in result.questions] == true


def test_accents_apart_whose_offsets_are_of_composed_ones() -> None:
    apart = [unicodedata.normalize("NFD", text) for text in passages(50)]
    result, true = reading(apart, lambda text, place: len(unicodedata.normalize("NFC", text[:place])))
    assert str(result.counting) == "characters with their accents in one (NFC)"
    assert [question.answers[0].start for question in result.questions] == true


def test_a_file_in_characters_stays_so_though_some_of_its_offsets_miss() -> None:
    drawn = random.Random(3)
    result, true = reading(
        passages(100), lambda _, place: place if drawn.random() < 0.9 else place + drawn.randint(1, 9)
    )
    assert result.counting == CHARACTERS
    placed = [
        (question.answers[0].start, place)
        for question, place in zip(result.questions, true, strict=True)
        if question.answers
    ]
    wrong = sum(start != place for start, place in placed)
    assert wrong <= 0.01 * len(placed)  # an offset that misses may fall on the text at another place
    assert result.ambiguous


def test_offsets_that_are_all_0_place_only_texts_that_occur_once() -> None:
    result, true = reading(passages(20), lambda _text, _place: 0)
    assert result.counting == CHARACTERS
    for question, place in zip(result.questions, true, strict=True):
        context = result.contexts[question.context]
        (text,) = question.accepted
        several = context.count(text) > 1
        assert [answer.start for answer in question.answers] == ([] if several and not context.startswith(text) else
                                                                 [0 if several else place])  # fmt: skip
    assert len(result.ambiguous) > 100


@pytest.mark.parametrize("start", [-1, 10**6, 2**70])
def test_an_offset_outside_of_its_context_falls_nowhere(start: int) -> None:
    for counting in COUNTINGS:
        assert counting.places("año 😀\r\nfin", [start]) == [None]


def test_bytes_inside_of_a_character_fall_nowhere() -> None:
    assert Counting("UTF-8 bytes").places("😀a", [0, 1, 2, 3, 4]) == [0, None, None, None, 1]
    assert match_at("😀a", "a", None) is None


def test_another_counting_must_fit_more_than_characters_do() -> None:
    given = [[FileAnswer("a", 0), FileAnswer("b", 2)], [FileAnswer("ñ", 0), FileAnswer("x", 9)]]
    assert counting_of(["a b", "ñ x"], given) == CHARACTERS
