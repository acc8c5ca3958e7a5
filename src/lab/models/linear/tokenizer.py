"""N-grams for linear models: those of the training texts, each with an id of its own.

The n-grams are those of `lab.models.text.ngram`, hashed into so many buckets that collisions do not matter. Buckets
that fewer than `min_texts` training texts have are dropped, and the others are numbered from 1 in the order of the
buckets, so that the weights of a model have one column per n-gram that occurs. Words come before characters.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.core.batches import FlatIds
from lab.models.text.ngram import LONGEST, PAD, NgramTokenizer

KIND = "linear"


@dataclass(frozen=True)
class NgramSettings:
    """Which n-grams are counted. Has the fields that `NgramTokenizer.fitted` reads.

    buckets: of the hash; word_ngrams, char_ngrams: shortest and longest, characters inside words; min_texts: training
    texts that an n-gram occurs in at least.
    """

    buckets: int = 2**18
    word_ngrams: tuple[int, int] = (1, 2)
    char_ngrams: tuple[int, int] | None = (2, 5)
    min_texts: int = 1


class SparseNgramTokenizer:
    """Converts a text to ids of n-grams, 1 to `vocabulary_size` - 1 (`lab.core.batches.Tokenizer`).

    idf (vocabulary_size,) float32: the weight of each id; num_word_ids: ids up to this are n-grams of words.
    """

    unit = "words"
    uses_one_core = True
    pad_id = PAD
    longest = LONGEST

    def __init__(self, hashed: NgramTokenizer, sublinear: bool = True) -> None:
        """hashed: with a weight of 0 for buckets that are dropped. sublinear: as in `sparse_rows`."""
        self.hashed, self.sublinear = hashed, sublinear
        used = hashed.idf > 0
        self._places = np.where(used, np.cumsum(used), PAD).astype(np.int32)
        self.idf: npt.NDArray[np.float32] = np.concatenate([np.zeros(1, np.float32), hashed.idf[used]])
        self.vocabulary_size = len(self.idf)
        self.num_word_ids = int(used[: hashed.num_word_ids + 1].sum())

    @classmethod
    def fitted(cls, settings: NgramSettings, texts: Iterable[list[str]]) -> "SparseNgramTokenizer":
        """A tokenizer with weights from training texts: ln((1 + texts) / (1 + texts with the n-gram)) + 1."""
        batches = list(texts)
        hashed = NgramTokenizer.fitted(settings, batches)  # type: ignore[arg-type]  # the fields that it reads
        num_texts = sum(map(len, batches))
        with np.errstate(over="ignore"):
            num_with_id = (1 + num_texts) / np.exp(hashed.idf - 1.0) - 1
        hashed.idf[(hashed.idf > 0) & (num_with_id < settings.min_texts - 0.5)] = 0.0
        return cls(hashed)

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Number of words of each text."""
        return self.hashed.lengths(texts)

    def encode(self, texts: Sequence[str], max_length: int) -> list[list[int]]:
        """Ids of the n-grams of the first `max_length` words that occur in training; empty if there are none."""
        return self.encode_flat(texts, max_length).rows()

    def encode_flat(self, texts: Sequence[str], max_length: int) -> FlatIds:
        """The ids of `encode` in one array."""
        hashed = self.hashed.encode_flat(texts, max_length)
        places = self._places[hashed.ids]
        kept = places != PAD
        ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(kept)])[np.cumsum(hashed.lengths)]
        return FlatIds(places[kept], np.diff(ends, prepend=0))

    def places(self, texts: Sequence[str], max_length: int) -> list[list[tuple[int, int]]]:
        """Characters [start, end) of the text that each id of `encode` stands for."""
        spans = zip(self.hashed.encode(texts, max_length), self.hashed.places(texts, max_length), strict=True)
        return [
            [span for index, span in zip(ids, row, strict=True) if self._places[index] != PAD] for ids, row in spans
        ]

    def fingerprint(self) -> str:
        """Hex digest that changes whenever the output of `encode` does."""
        known = self.hashed.fingerprint().encode() + self.hashed.idf.tobytes()  # the weights say which ids occur
        return f"{KIND}-{hashlib.sha256(known).hexdigest()}"

    def save(self, folder: Path) -> None:
        """Write the files from which `load` restores this tokenizer."""
        self.hashed.save(folder, {"kind": KIND, "sublinear": self.sublinear})

    @classmethod
    def load(cls, folder: Path, description: dict[str, Any]) -> "SparseNgramTokenizer":
        """The tokenizer that `save` wrote. Raises Unreadable for other content, OSError for a missing file.

        That of an earlier version does not say `sublinear`, and is not.
        """
        return cls(NgramTokenizer.load(folder, description), description.get("sublinear") is True)
