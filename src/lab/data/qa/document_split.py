"""Splits of questions that keep each document in one split, since contexts of one document have the same content.

Documents that share a context (word for word) stay together as a block. Pure functions of (documents, seed).
"""

from collections.abc import Mapping, Sequence

import numpy as np

from lab.data.qa.question_rows import Reading


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
