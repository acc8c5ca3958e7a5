"""Answers without a model: random spans, first sentences, and none."""

from collections.abc import Mapping

import numpy as np
import pytest

from lab.config.schema import BaselinesConfig
from lab.core.batches import References
from lab.training.baselines.answers import answer_baselines, best_sentence_model, first_sentence, random_span
from lab.training.baselines.base import Baseline
from lab.training.baselines.fitted import NotFitted
from lab.training.baselines.stored import Outputs

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


def best(questions: list[str], references: References, max_rows: int = 100) -> tuple[Baseline, Outputs]:
    splits = {"val": (questions, references)}
    model = best_sentence_model(references, splits, "es", False, BaselinesConfig(max_rows=max_rows))
    outputs = model.compute()
    return model.scored(outputs), outputs


def test_the_best_sentence_shares_the_words_of_the_question() -> None:
    text = "La bomba vibra mucho. El operario cambió el sello. La válvula gotea."
    questions = ["¿Qué cambió el operario?", "¿Qué gotea?", "¿Cuánto vibra la bomba?", "¿Quién?"]
    answers = ("El operario cambió el sello.",), ("La válvula gotea.",), ("bomba",), ("La bomba vibra mucho.",)
    baseline, outputs = best(questions, References((text,), (0, 0, 0, 0), answers))
    assert baseline.grades["val"]["em"].tolist() == [1.0, 1.0, 0.0, 1.0], "without a shared word, the first sentence"
    assert baseline.scores["val"]["em"] == 0.75
    assert set(outputs.arrays) == {"val/em", "val/f1"}


def test_contexts_without_words_are_a_named_gap() -> None:
    with pytest.raises(NotFitted, match="no words"):
        best(["¿Qué?"], References(("- . -",), (0,), (("-",),)))


def test_many_contexts_are_sampled_and_that_is_noted() -> None:
    texts = tuple(f"La bomba {number} vibra. El sello {number} gotea." for number in range(30))
    references = References(texts, tuple(range(30)), tuple((f"La bomba {number} vibra.",) for number in range(30)))
    baseline, _ = best([f"¿Vibra la bomba {number}?" for number in range(30)], references, max_rows=10)
    assert baseline.scores["val"]["em"] == 1.0
    assert baseline.note == "fitted on 10 of 30 training rows"
