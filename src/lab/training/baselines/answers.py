"""Baselines of questions: random spans as long as training answers, the first sentence, no answer, and the sentence
whose words are most like the question's, weighted by TF-IDF (scikit-learn) over the training contexts.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.config.schema import BaselinesConfig
from lab.core.batches import References
from lab.models.qa.squad_metrics import graded
from lab.training.baselines.base import Baseline
from lab.training.baselines.fitted import NotFitted, SimpleModel, drawn
from lab.training.baselines.stored import Outputs

Grades = Mapping[str, npt.NDArray[np.float64]]
Questions = tuple[Sequence[str], References]
"""The texts of questions, and their contexts with accepted answers."""
METRICS = ("em", "f1")
DRAWS = 20
"""Random spans per question, whose scores are averaged."""
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s|\n")


def answer_baselines(
    train: References, splits: Mapping[str, References], language: str, seed: int, no_answer: bool
) -> Iterator[Baseline]:
    """Answers without a model, scored on each split.

    no_answer: whether questions may have no answer. Never answering then scores their share, about half in SQuAD 2.0.
    """
    lengths = [len(right[0].split()) for right in train.answers if right]
    contexts = {split: [part.contexts[index] for index in part.context_of] for split, part in splits.items()}
    draws: dict[str, list[list[str]]] = {}
    for split, texts in contexts.items():
        random = np.random.default_rng(seed)
        draws[split] = [[random_span(context, lengths, random) for context in texts] for _ in range(DRAWS)]
    first = {split: [[first_sentence(context) for context in texts]] for split, texts in contexts.items()}
    yield graded_baseline("random_span", draws, splits, language, no_answer)
    yield graded_baseline("first_sentence", first, splits, language, no_answer)
    if no_answer:
        never = {split: [[""] * len(texts)] for split, texts in contexts.items()}
        yield graded_baseline("never_answers", never, splits, language, no_answer)


def best_sentence_model(
    train: References, splits: Mapping[str, Questions], language: str, no_answer: bool, config: BaselinesConfig
) -> SimpleModel:
    """The sentence of the context that is nearest to the question. splits: the questions that are scored."""

    def compute() -> Outputs:
        places, note = drawn(len(train.contexts), config)
        weights = fitted_weights([train.contexts[place] for place in places.tolist()])
        arrays: dict[str, npt.NDArray[np.float64]] = {}
        for split, (texts, references) in splits.items():
            answers = best_sentences(weights, texts, [references.contexts[each] for each in references.context_of])
            grades = grade_rows([answers], references.answers, language, no_answer)
            arrays |= {f"{split}/{metric}": each for metric, each in grades.items()}
        return Outputs(arrays, note)

    def scored(outputs: Outputs) -> Baseline:
        grades = {split: {metric: outputs.arrays[f"{split}/{metric}"] for metric in METRICS} for split in splits}
        return Baseline("best_sentence", _means(grades), grades=grades, note=outputs.note)

    settings = {"language": language, "no_answer": no_answer, "max_rows": config.max_rows}
    return SimpleModel("best_sentence", settings, compute, scored)


def fitted_weights(contexts: Sequence[str]) -> Any:
    """scikit-learn's TfidfVectorizer over the sentences of contexts. Raises NotFitted if they have no words."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    weights = TfidfVectorizer(sublinear_tf=True, strip_accents="unicode", dtype=np.float32)
    try:
        return weights.fit([sentence for context in contexts for sentence in sentences(context)])
    except ValueError as error:  # scikit-learn's word for texts of signs only
        raise NotFitted("the training contexts have no words") from error


def best_sentences(weights: Any, questions: Sequence[str], contexts: Sequence[str]) -> list[str]:
    """Per question the sentence of its context (one each) with the largest cosine; of equals, the first."""
    parts = {context: sentences(context) for context in dict.fromkeys(contexts)}
    tables = {context: weights.transform(each) for context, each in parts.items()}
    wanted = weights.transform(questions)
    return [
        parts[context][int((tables[context] @ wanted[row].T).toarray().ravel().argmax())]
        for row, context in enumerate(contexts)
    ]


def graded_baseline(
    name: str,
    answers: Mapping[str, Sequence[Sequence[str]]],
    splits: Mapping[str, References],
    language: str,
    no_answer: bool,
) -> Baseline:
    """The baseline that gives these answers. answers: per split a list of draws, each with a text per question; the
    grades of a question are the mean of its draws."""
    grades = {split: grade_rows(draws, splits[split].answers, language, no_answer) for split, draws in answers.items()}
    return Baseline(name, _means(grades), grades=grades)


def grade_rows(
    draws: Sequence[Sequence[str]], accepted: Sequence[Sequence[str]], language: str, no_answer: bool
) -> Grades:
    """Per metric (N,) the grades of N questions, the mean of several draws of answers."""
    table = np.array([
        [graded(text, right, language, no_answer) for text, right in zip(draw, accepted, strict=True)]
        for draw in draws
    ]).reshape(len(draws), len(accepted), len(METRICS)).mean(0)  # fmt: skip
    return {metric: table[:, place] for place, metric in enumerate(METRICS)}


def _means(grades: Mapping[str, Grades]) -> dict[str, dict[str, float]]:
    return {split: {metric: float(rows.mean()) for metric, rows in each.items()} for split, each in grades.items()}


def random_span(context: str, lengths: Sequence[int], random: np.random.Generator) -> str:
    """Consecutive words of a context from a random position; their number is drawn from `lengths`."""
    words = context.split()
    num = min(len(words), max(1, lengths[int(random.integers(len(lengths)))]))
    start = int(random.integers(len(words) - num + 1))
    return " ".join(words[start : start + num])


def first_sentence(context: str) -> str:
    """The text up to its first sentence end or line break.

    >>> first_sentence("La bomba vibra. Se cambió el sello.")
    'La bomba vibra.'
    """
    return _SENTENCE_END.split(context.strip(), maxsplit=1)[0]


def sentences(context: str) -> list[str]:
    """The sentences of a text, trimmed; one that is empty for a text without any.

    >>> sentences("La bomba vibra. Se cambió el sello.")
    ['La bomba vibra.', 'Se cambió el sello.']
    """
    return [part.strip() for part in _SENTENCE_END.split(context) if part.strip()] or [""]
