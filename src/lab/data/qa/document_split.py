"""Splits of questions that keep whole documents on one side: contexts of one document say the same things.

Documents that share a context (word for word) move together. Pure functions of (documents, seed). D: documents.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from lab.data.qa.question_rows import Question, Reading


def blocks(reading: Reading) -> list[int]:
    """Of each context, the block of documents it belongs to: documents that share a context are one."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]  # so that long chains stay short
            name = parent[name]
        return name

    for context, document in zip(reading.contexts, reading.documents, strict=True):
        parent[root(f"text {context}")] = root(f"document {document}")
    numbers: dict[str, int] = {}
    return [numbers.setdefault(root(f"document {document}"), len(numbers)) for document in reading.documents]


def drawn(sizes: Sequence[int], shares: Mapping[str, float], seed: int) -> list[str]:
    """The split of each of D blocks: those named in `shares`, "train" for the rest.

    sizes: questions of each. Blocks are taken in a drawn order where that brings a split nearer to its share; a split
    that none brings nearer gets the smallest. There must be more blocks than shares.
    """
    assert len(sizes) > len(shares), f"{len(sizes)} documents for {len(shares)} splits beside train"
    order = np.random.default_rng(seed).permutation(len(sizes)).tolist()
    found, total = ["train"] * len(sizes), sum(sizes)
    for number, (split, share) in enumerate(shares.items()):
        held, spare = 0, len(shares) - number  # blocks to leave for the splits after this one and for train
        free = [block for block in order if found[block] == "train"]
        for block in free:
            nearer = abs(held + sizes[block] - share * total) < abs(held - share * total)
            if nearer and found.count("train") > spare:
                found[block] = split
                held += sizes[block]
        if not held:
            found[min(free, key=lambda block: sizes[block])] = split
    return found


def by_block(questions: Sequence[Question], block_of: Sequence[int], split_of: Sequence[str]) -> list[str]:
    """The split of each question, from that of its context's block."""
    return [split_of[block_of[question.context]] for question in questions]
