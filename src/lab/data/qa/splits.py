"""One split of questions with their contexts, and functions that make splits from other splits."""

from dataclasses import dataclass, replace

import numpy as np

from lab.core.batches import References
from lab.data.qa.question_rows import Question

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Asked:
    """One split: its questions in the order of their source, and their contexts."""

    contexts: tuple[str, ...]
    questions: tuple[Question, ...]

    def references(self) -> References:
        """Return the texts with which predictions are compared."""
        accepted = tuple(question.accepted for question in self.questions)
        return References(self.contexts, tuple(question.context for question in self.questions), accepted)

    def trainable(self) -> "Asked":
        """Return the split without questions whose answers have no known place in the context."""
        return narrowed(Asked(self.contexts, tuple(question for question in self.questions if not question.lost)))


def narrowed(asked: Asked) -> Asked:
    """Return the split without the contexts that no question uses."""
    used = sorted({question.context for question in asked.questions})
    numbers = {old: new for new, old in enumerate(used)}
    questions = tuple(replace(question, context=numbers[question.context]) for question in asked.questions)
    return Asked(tuple(asked.contexts[old] for old in used), questions)


def joined(first: Asked, second: Asked) -> Asked:
    """Return the questions of both splits, those of `first` first."""
    offset = len(first.contexts)
    moved = tuple(replace(question, context=question.context + offset) for question in second.questions)
    return Asked(first.contexts + second.contexts, first.questions + moved)


def capped(asked: Asked, most: int | None, seed: int) -> Asked:
    """Return at most `most` questions, drawn by `seed`, in their order."""
    if most is None or len(asked.questions) <= most:
        return asked
    kept = sorted(np.random.default_rng(seed).choice(len(asked.questions), most, replace=False).tolist())
    return narrowed(Asked(asked.contexts, tuple(asked.questions[place] for place in kept)))
