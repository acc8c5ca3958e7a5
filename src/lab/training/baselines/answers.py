"""Baselines of questions: random spans as long as training answers, the first sentence, and no answer."""

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from lab.core.batches import References
from lab.models.qa.squad_metrics import graded
from lab.training.baselines.base import Baseline

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


def graded_baseline(
    name: str,
    answers: Mapping[str, Sequence[Sequence[str]]],
    splits: Mapping[str, References],
    language: str,
    no_answer: bool,
) -> Baseline:
    """The baseline that gives these answers. answers: per split a list of draws, each with a text per question; the
    grades of a question are the mean of its draws."""
    grades = {}
    for split, drawn in answers.items():
        wanted = splits[split].answers
        table = np.array(
            [[graded(text, right, language, no_answer) for text, right in zip(draw, wanted, strict=True)]
             for draw in drawn]
        ).reshape(len(drawn), len(wanted), 2).mean(0)  # fmt: skip
        grades[split] = {"em": table[:, 0], "f1": table[:, 1]}
    scores = {
        split: {metric: float(each.mean()) for metric, each in by_row.items()} for split, by_row in grades.items()
    }
    return Baseline(name, scores, grades=grades)


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
