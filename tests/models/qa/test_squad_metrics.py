"""Exact match and F1: English as torchmetrics' SQuAD has them, Spanish and Portuguese by hand."""

import random
import warnings

import pytest

from lab.models.qa.squad_metrics import exact_match, f1, graded, mean_grades, normalised

WORDS = (
    "the",
    "a",
    "an",
    "pump",
    "Pump,",
    "P-101",
    "valve",
    "(seal)",
    "1,200",
    "rpm.",
    "of",
    "The",
    "An",
    "theory",
    "...",
)


def test_english_is_torchmetrics_on_random_pairs() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torchmetrics.functional.text import squad

    drawn = random.Random(0)
    for number in range(200):
        answer = " ".join(drawn.choices(WORDS, k=drawn.randint(0, 6)))
        accepted = [" ".join(drawn.choices(WORDS, k=drawn.randint(1, 6))) for _ in range(drawn.randint(1, 3))]
        if number % 5 == 0:
            accepted[-1] = answer.upper()
        theirs = squad(
            [{"prediction_text": answer, "id": "1"}],
            [{"answers": {"answer_start": [0] * len(accepted), "text": accepted}, "id": "1"}],
        )
        em, score = graded(answer, accepted, "en", False)
        if not normalised(answer, "en"):  # torchmetrics gives two empty texts an F1 of 1, SQuAD's own evaluation 0
            assert score == 0.0
            continue
        assert (100 * em, 100 * score) == pytest.approx((float(theirs["exact_match"]), float(theirs["f1"]))), answer


@pytest.mark.parametrize(
    ("language", "answer", "accepted", "em", "score"),
    [
        ("es", "La bomba P-101", "bomba p101", 1.0, 1.0),
        ("es", "¡el sello mecánico!", "un sello mecánico", 1.0, 1.0),
        ("es", "los rodamientos", "unos rodamientos de la bomba", 0.0, 2 / 4),  # {rodamientos} of 1 and 3 (de, bomba)
        ("es", "fuga de aceite", "una fuga de agua", 0.0, 2 * 2 / 6),
        ("es", "the pump", "pump", 0.0, 2 / 3),  # no article in Spanish
        ("es", "elevada", "levada", 0.0, 0.0),  # an article inside a word stays
        ("es", "mecánico", "mecanico", 0.0, 0.0),  # accents count
        ("pt", "A Universidade Federal", "universidade federal", 1.0, 1.0),
        ("pt", "um contrato de estágio", "o contrato", 0.0, 2 / 4),
        ("pt", "os alunos e as alunas", "alunos e alunas", 1.0, 1.0),
        ("pt", "la banca", "banca", 0.0, 2 / 3),  # no article in Portuguese
        ("pt", "uma ótima banca", "ótima banca.", 1.0, 1.0),
        ("pt", "a", "o", 1.0, 0.0),  # nothing is left without their article: they match and share no word
        ("pt", "", "banca", 0.0, 0.0),
        ("pt", "banca banca", "banca", 0.0, 2 / 3),  # a word counts as often as it stands in both
    ],
)
def test_by_hand(language: str, answer: str, accepted: str, em: float, score: float) -> None:
    assert exact_match(answer, accepted, language) == em
    assert f1(answer, accepted, language) == pytest.approx(score)
    assert f1(accepted, answer, language) == pytest.approx(score)


def test_an_article_of_one_language_is_a_word_in_another() -> None:
    assert normalised("la a the o", "es") == "a the o"
    assert normalised("la a the o", "pt") == "la the"
    assert normalised("la a the o", "en") == "la o"


def test_the_best_accepted_answer_counts_and_none_asks_for_silence() -> None:
    for no_answer in (False, True):
        assert graded("bomba", ["motor", "bomba P-101", "La bomba"], "es", no_answer) == (1.0, 1.0)
        assert graded("", [], "es", no_answer) == (1.0, 1.0)
        assert graded("bomba", [], "es", no_answer) == (0.0, 0.0)
        assert mean_grades(["bomba", "x"], [["bomba"], ["y"]], "es", no_answer) == {"em": 0.5, "f1": 0.5}
        empty = mean_grades([], [], "es", no_answer)["f1"]
        assert empty != empty


@pytest.mark.parametrize(
    ("answer", "accepted", "first", "second"),
    [
        # (em, f1) of version 1.1 and of version 2.0, worked out from the definitions of their evaluations
        ("the", ["a"], (1.0, 0.0), (1.0, 1.0)),  # 2.0: no accepted answer is left, and nothing of the answer
        ("", ["..."], (1.0, 0.0), (1.0, 1.0)),
        ("", ["the", "pump"], (1.0, 0.0), (0.0, 0.0)),  # 2.0: an accepted answer is left, so silence is wrong
        ("...", ["pump"], (0.0, 0.0), (0.0, 0.0)),
        ("pump", ["the"], (0.0, 0.0), (0.0, 0.0)),
        ("pump", ["the", "a pump"], (1.0, 1.0), (1.0, 1.0)),
        ("the", [], (1.0, 1.0), (1.0, 1.0)),  # 2.0: nothing is left of the answer
        ("An", [""], (1.0, 0.0), (1.0, 1.0)),
    ],
)
def test_where_nothing_is_left_of_a_text_the_two_evaluations_differ(
    answer: str, accepted: list[str], first: tuple[float, float], second: tuple[float, float]
) -> None:
    assert graded(answer, accepted, "en", no_answer=False) == first
    assert graded(answer, accepted, "en", no_answer=True) == second
