"""Exact match and F1: English scores equal those of torchmetrics, Spanish and Portuguese are computed by hand."""

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


def test_english_scores_equal_torchmetrics_on_random_pairs() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torchmetrics.functional.text import squad

    draw = random.Random(0)
    for number in range(200):
        answer = " ".join(draw.choices(WORDS, k=draw.randint(0, 6)))
        accepted = [" ".join(draw.choices(WORDS, k=draw.randint(1, 6))) for _ in range(draw.randint(1, 3))]
        if number % 5 == 0:
            accepted[-1] = answer.upper()
        theirs = squad(
            [{"prediction_text": answer, "id": "1"}],
            [{"answers": {"answer_start": [0] * len(accepted), "text": accepted}, "id": "1"}],
        )
        em, score = graded(answer, accepted, "en", False)
        if not normalised(answer, "en"):  # empty texts have F1 1 in torchmetrics, 0 in SQuAD
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
        ("pt", "a", "o", 1.0, 0.0),  # both are empty without articles: they match, the F1 is 0
        ("pt", "", "banca", 0.0, 0.0),
        ("pt", "banca banca", "banca", 0.0, 2 / 3),  # a word counts as often as it is in both texts
    ],
)
def test_scores_equal_hand_computed_ones(language: str, answer: str, accepted: str, em: float, score: float) -> None:
    assert exact_match(answer, accepted, language) == em
    assert f1(answer, accepted, language) == pytest.approx(score)
    assert f1(accepted, answer, language) == pytest.approx(score)


def test_an_article_of_one_language_is_a_word_in_another() -> None:
    assert normalised("la a the o", "es") == "a the o"
    assert normalised("la a the o", "pt") == "la the"
    assert normalised("la a the o", "en") == "la o"


def test_the_best_accepted_answer_counts_and_without_any_the_answer_must_be_empty() -> None:
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
        # (em, f1) of version 1.1 and of version 2.0, from the definitions of their evaluations
        ("the", ["a"], (1.0, 0.0), (1.0, 1.0)),  # 2.0: the accepted answers and the answer are all empty
        ("", ["..."], (1.0, 0.0), (1.0, 1.0)),
        ("", ["the", "pump"], (1.0, 0.0), (0.0, 0.0)),  # 2.0: an accepted answer is not empty, so this is wrong
        ("...", ["pump"], (0.0, 0.0), (0.0, 0.0)),
        ("pump", ["the"], (0.0, 0.0), (0.0, 0.0)),
        ("pump", ["the", "a pump"], (1.0, 1.0), (1.0, 1.0)),
        ("the", [], (1.0, 1.0), (1.0, 1.0)),  # 2.0: the normalised answer is empty
        ("An", [""], (1.0, 0.0), (1.0, 1.0)),
    ],
)
def test_the_two_versions_differ_for_empty_texts(
    answer: str, accepted: list[str], first: tuple[float, float], second: tuple[float, float]
) -> None:
    assert graded(answer, accepted, "en", no_answer=False) == first
    assert graded(answer, accepted, "en", no_answer=True) == second
