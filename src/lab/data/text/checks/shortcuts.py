"""Single words that decide a label: a class that one word predicts is a sign that the label was made from the text.

A word is reported if at least `token_share` of its rows have one class, it occurs in at least `token_support` training
rows, and less than one such word is expected by chance (Chernoff's bound n KL(share || base rate), times words and
classes); without the last rule every word of a data set with a 99 % majority would be reported. Uses an even sample of
the rows. Cost: about a second per 5 million characters.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lab.core.batches import MISSING, HeadSpec
from lab.data.text.text_columns import ColumnTexts

Ints = npt.NDArray[np.int64]
MAX_ROWS, MAX_CHARACTERS = 50_000, 20_000_000
_WORD = re.compile(r"\w[\w\-]*")


@dataclass(frozen=True)
class Shortcut:
    """`word` occurs in `support` sampled rows with a label of `head`; `share` of them have the class `label`."""

    head: str
    word: str
    label: str
    support: int
    share: float

    def __str__(self) -> str:
        return f"{self.word!r} means {self.head}={self.label} in {self.share:.1%} of {self.support} rows"


def shortcuts(
    texts: ColumnTexts, labels: Mapping[str, Ints], heads: Sequence[HeadSpec], min_share: float, min_support: int
) -> list[Shortcut]:
    """Return the deciding words of the training rows (of an even sample if there are many), commonest first.

    labels: per head (rows,) int64, `MISSING` where unknown.
    """
    places = _sample(texts)
    words, vocabulary, rows = _words(texts.at(places))
    deciding = []
    for head in heads:
        of_words = labels[head.name][places][rows]
        known = of_words != MISSING
        if known.any():
            deciding += _deciding(words[known], of_words[known], vocabulary, head, min_share, min_support)
    return sorted(deciding, key=lambda shortcut: (-shortcut.support, shortcut.head, shortcut.word))


def _sample(texts: ColumnTexts) -> Ints:
    """Places evenly spaced over all rows (files are often sorted by class), as many as the limits allow."""
    few = np.unique(np.linspace(0, len(texts) - 1, 256).astype(np.int64))
    mean = np.mean([len(text) for batch in texts.at(few).batches(len(few)) for text in batch])
    num = min(len(texts), MAX_ROWS, max(1, int(MAX_CHARACTERS / max(1.0, float(mean)))))
    return np.unique(np.linspace(0, len(texts) - 1, num).astype(np.int64))


def _words(texts: ColumnTexts) -> tuple[Ints, list[str], Ints]:
    """The distinct words of each row: their codes, the words by code, and the row of each."""
    codes: dict[str, int] = {}
    words: list[int] = []
    lengths: list[int] = []
    for batch in texts.batches(1024):
        for text in batch:
            distinct = set(_WORD.findall(text.casefold()))
            words += [codes.setdefault(word, len(codes)) for word in distinct]
            lengths.append(len(distinct))
    return np.array(words, np.int64), list(codes), np.repeat(np.arange(len(lengths)), lengths)


def _deciding(
    words: Ints, labels: Ints, vocabulary: Sequence[str], head: HeadSpec, min_share: float, min_support: int
) -> list[Shortcut]:
    support = np.bincount(words, minlength=len(vocabulary))
    pairs, counts = np.unique(words * head.num_classes + labels, return_counts=True)
    word, label = pairs // head.num_classes, pairs % head.num_classes
    share = counts / support[word]
    base = np.array(head.counts)[label] / max(1, sum(head.counts))
    evidence = support[word] * _divergence(share, base)
    chance = np.log(max(1, len(vocabulary)) * head.num_classes)
    named = (share >= min_share) & (support[word] >= min_support) & (share > base) & (evidence > chance)
    return [
        Shortcut(
            head.name,
            vocabulary[word[place]],
            head.classes[label[place]],
            int(support[word[place]]),
            float(share[place]),
        )
        for place in np.flatnonzero(named)
    ]


def _divergence(share: npt.NDArray[np.float64], base: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """KL divergence of Bernoulli(share) from Bernoulli(base), in nats."""
    tiny = 1e-12
    rest = np.maximum(1 - share, 0)
    divergence: npt.NDArray[np.float64] = share * np.log((share + tiny) / (base + tiny))
    divergence += rest * np.log((rest + tiny) / (1 - base + tiny))
    return divergence
