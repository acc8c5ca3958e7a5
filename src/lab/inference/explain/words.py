"""The words of a text, and the attributions of tokens joined to them.

A word is a run of letters and digits, also around an inner hyphen, period, slash, apostrophe or underscore (`P-101A`);
any other sign is by itself, and so is every Chinese and Japanese character, because no spaces are between their words.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

Place = tuple[int, int]
"""Characters [start, end) of a text; (-1, -1) for a token that is no part of it."""

_JOINING = r"\-./'\u2019_&@"
_SIGNS = r"!-/:-@\[-`{-~\u00a1\u00ab\u00bb\u00bf\u2010-\u205e\u3001-\u303f\uff01-\uff0f"
_ALONE = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_LETTERS = rf"[^\s{_SIGNS}{_ALONE}]+"
_WORD = re.compile(rf"{_LETTERS}(?:[{_JOINING}]+{_LETTERS})*|\S")


def word_places(text: str) -> list[Place]:
    """Return the characters of each word of a text. Every character but white space is in exactly one word.

    >>> [text[a:b] for text in ["Bomba P-101A: vib. alta,fuga"] for a, b in word_places(text)]
    ['Bomba', 'P-101A', ':', 'vib', '.', 'alta', ',', 'fuga']
    """
    return [match.span() for match in _WORD.finditer(text)]


def joined(words: Sequence[Place], tokens: Sequence[Place], values: Sequence[float]) -> list[float]:
    """Return the attribution of each word: the sum over its tokens. No part of the sum is lost.

    A token of several words counts for each of them in equal parts, a token of white space for the word before it.
    Tokens of no place must have the attribution 0. words, tokens: as `word_places` returns them, words in order.

    >>> joined([(0, 3), (4, 8)], [(-1, -1), (0, 2), (2, 3), (0, 8)], [0.0, 1.0, 2.0, 4.0])
    [5.0, 2.0]
    """
    assert all(a[1] <= b[0] for a, b in pairwise(words)), "the words overlap"
    totals = [0.0] * len(words)
    owner = _owners(words)
    for (start, end), value in zip(tokens, values, strict=True):
        if start < 0 or not totals:
            continue
        own = sorted({number for number in owner[start:end] if number is not None})
        if not own:
            before = [number for number, word in enumerate(words) if word[1] <= start]
            own = [before[-1] if before else 0]
        for number in own:
            totals[number] += value / len(own)
    return totals


def _owners(words: Sequence[Place]) -> list[int | None]:
    """For each character up to the end of the last word, the number of its word; None between words."""
    owner: list[int | None] = [None] * (words[-1][1] if words else 0)
    for number, (start, end) in enumerate(words):
        owner[start:end] = [number] * (end - start)
    return owner
