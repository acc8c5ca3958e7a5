"""Answers without a model: random spans, first sentences, and none."""

from collections.abc import Mapping

import numpy as np
import pytest

from lab.core.batches import References
from lab.training.baselines.answers import answer_baselines, first_sentence, random_span
from lab.training.baselines.base import Baseline

CONTEXT = "La bomba vibra. Se cambió el sello."
TEST = References((CONTEXT,), (0, 0, 0), (("bomba", "La bomba"), ("sello",), ()))


def found(seed: int = 0, no_answer: bool = False) -> Mapping[str, Baseline]:
    return {each.name: each for each in answer_baselines(TEST, {"val": TEST, "test": TEST}, "es", seed, no_answer)}


def test_baselines_by_hand() -> None:
    baselines = found()
    # first sentence "bomba vibra": f1 with bomba 2/3, with sello 0, without an answer 0
    assert baselines["first_sentence"].scores["test"] == {"em": 0.0, "f1": pytest.approx(2 / 9)}
    assert baselines["first_sentence"].grades["val"]["f1"].tolist() == [pytest.approx(2 / 3), 0.0, 0.0]
    assert 0 < baselines["random_span"].scores["val"]["f1"] < 1
    assert found()["random_span"].scores == baselines["random_span"].scores
    assert len({found(seed)["random_span"].scores["test"]["f1"] for seed in range(5)}) > 1


def test_never_answering_is_a_baseline_where_it_may_be_right() -> None:
    baselines = found(no_answer=True)
    assert baselines["never_answers"].scores["test"] == {"em": pytest.approx(1 / 3), "f1": pytest.approx(1 / 3)}
    assert set(baselines) - set(found()) == {"never_answers"}


def test_a_random_span_is_part_of_the_context_with_the_given_length() -> None:
    random = np.random.default_rng(0)
    drawn = {random_span(CONTEXT, [2], random) for _ in range(200)}
    words = CONTEXT.split()
    assert drawn == {" ".join(words[i : i + 2]) for i in range(len(words) - 1)}
    assert random_span("una", [5], random) == "una"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("¿Qué? Nada.", "¿Qué?"),
        ("sin punto", "sin punto"),
        ("Título\nTexto.", "Título"),
        ("La P-1.5 vibra. Sí.", "La P-1.5 vibra."),
    ],
)
def test_the_first_sentence(text: str, expected: str) -> None:
    assert first_sentence(text) == expected
