"""One split of questions: the questions, the contexts they read, and splits made of other splits."""

from dataclasses import dataclass, replace

import numpy as np

from lab.core.batches import References
from lab.data.qa.question_rows import Question

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Asked:
    """One split: its questions in the order of their source, and the contexts these read."""

    contexts: tuple[str, ...]
    questions: tuple[Question, ...]

    def references(self) -> References:
        """What a prediction is compared with."""
        accepted = tuple(question.accepted for question in self.questions)
        return References(self.contexts, tuple(question.context for question in self.questions), accepted)

    def trainable(self) -> "Asked":
        """Without the questions none of whose answers stands in its context."""
        return narrowed(Asked(self.contexts, tuple(question for question in self.questions if not question.lost)))


def narrowed(asked: Asked) -> Asked:
    """Without the contexts that no question reads."""
    used = sorted({question.context for question in asked.questions})
    numbers = {old: new for new, old in enumerate(used)}
    questions = tuple(replace(question, context=numbers[question.context]) for question in asked.questions)
    return Asked(tuple(asked.contexts[old] for old in used), questions)


def joined(one: Asked, other: Asked) -> Asked:
    """The questions of both, those of the first first."""
    ahead = len(one.contexts)
    moved = tuple(replace(question, context=question.context + ahead) for question in other.questions)
    return Asked(one.contexts + other.contexts, one.questions + moved)


def capped(asked: Asked, most: int | None, seed: int) -> Asked:
    if most is None or len(asked.questions) <= most:
        return asked
    kept = sorted(np.random.default_rng(seed).choice(len(asked.questions), most, replace=False).tolist())
    return narrowed(Asked(asked.contexts, tuple(asked.questions[place] for place in kept)))
