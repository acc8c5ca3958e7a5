"""Splits of questions: their contents, and the draw that keeps each document in one split.

Contexts of one document have the same content, so a document is never divided; documents that share a context word for
word stay together as a block. Pure functions of (documents, seed).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lab.core.batches import References
from lab.data.qa.question_rows import Question, Reading

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class QuestionSplit:
    """One split: its questions in the order of their source, and their contexts."""

    contexts: tuple[str, ...]
    questions: tuple[Question, ...]

    def references(self) -> References:
        """Return the texts with which predictions are compared."""
        accepted = tuple(question.accepted for question in self.questions)
        return References(self.contexts, tuple(question.context for question in self.questions), accepted)

    def trainable(self) -> "QuestionSplit":
        """Return the split without questions whose answers have no known place in the context."""
        return without_unused_contexts(
            QuestionSplit(self.contexts, tuple(question for question in self.questions if not question.lost))
        )


def without_unused_contexts(part: QuestionSplit) -> QuestionSplit:
    """Return the split without the contexts that no question uses."""
    used = sorted({question.context for question in part.questions})
    numbers = {old: new for new, old in enumerate(used)}
    questions = tuple(replace(question, context=numbers[question.context]) for question in part.questions)
    return QuestionSplit(tuple(part.contexts[old] for old in used), questions)


def concatenated(first: QuestionSplit, second: QuestionSplit) -> QuestionSplit:
    """Return the questions of both splits, those of `first` first."""
    offset = len(first.contexts)
    moved = tuple(replace(question, context=question.context + offset) for question in second.questions)
    return QuestionSplit(first.contexts + second.contexts, first.questions + moved)


def capped(part: QuestionSplit, most: int | None, seed: int) -> QuestionSplit:
    """Return at most `most` questions, drawn by `seed`, in their order."""
    if most is None or len(part.questions) <= most:
        return part
    kept = sorted(np.random.default_rng(seed).choice(len(part.questions), most, replace=False).tolist())
    return without_unused_contexts(QuestionSplit(part.contexts, tuple(part.questions[place] for place in kept)))


def blocks(reading: Reading) -> list[int]:
    """Return the number of the block of each context; documents that share a context are one block."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]  # shortens long chains
            name = parent[name]
        return name

    for context, document in zip(reading.contexts, reading.documents, strict=True):
        parent[root(f"text {context}")] = root(f"document {document}")
    numbers: dict[str, int] = {}
    return [numbers.setdefault(root(f"document {document}"), len(numbers)) for document in reading.documents]


def draw_blocks(sizes: Sequence[int], shares: Mapping[str, float], seed: int) -> list[str]:
    """Return the split of each block: one of `shares`, or "train" for the rest.

    sizes: number of questions of each block. Blocks are tried in random order; a split takes one if that brings it
    nearer to its share, or the smallest block if none does. There must be more blocks than shares.
    """
    assert len(sizes) > len(shares), f"{len(sizes)} documents for {len(shares)} splits beside train"
    order = np.random.default_rng(seed).permutation(len(sizes)).tolist()
    split_of, total = ["train"] * len(sizes), sum(sizes)
    for number, (split, share) in enumerate(shares.items()):
        taken, reserved = 0, len(shares) - number  # blocks reserved for the next splits and for train
        free = [block for block in order if split_of[block] == "train"]
        for block in free:
            nearer = abs(taken + sizes[block] - share * total) < abs(taken - share * total)
            if nearer and split_of.count("train") > reserved:
                split_of[block] = split
                taken += sizes[block]
        if not taken:
            split_of[min(free, key=lambda block: sizes[block])] = split
    return split_of
