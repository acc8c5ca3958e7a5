"""A linear bag of hashed n-grams that trains in seconds: words, word pairs and characters inside words.

The features are those of TF-IDF with a linear classifier, projected into a small space by a table that is learned: a
text is the sum of its n-grams' vectors, each times its inverse document frequency. Words and characters have a half of
the table each and their weights are scaled to unit length apart, or the many characters would drown the few words (as
scikit-learn's TfidfVectorizer for each of the two, counts of repeats approximated; the hashed table: fastText, arXiv
1607.01759). N-grams that no training text holds get weight zero, so that untrained vectors add no noise. In training a
share of the n-grams is left out at random: without it rare ones are learned by heart within a few epochs. Hashing is
CRC-32, the same in every process. Cost: 20,000 texts of 20 words are encoded in about two seconds.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from lab.config.schema import Ngram
from lab.core.files import Unreadable, regular, write_whole
from lab.core.record.fields import count, keyed, optional, pair
from lab.models.text.interfaces import TOKENIZER_FILE, BagEncoder

PAD = 0
INITIAL_STD = 0.02
LONGEST = 100_000
"""Words; there is no limit by nature."""

_CACHED_WORDS = 200_000
_WORD = re.compile(r"\w+")
_WEIGHTS = "idf.npy"
DESCRIBED = keyed("buckets", "words", "chars", buckets=count, words=pair(count), chars=optional(pair(count)))
"""What describes one in its file."""


class NgramTokenizer:
    """Text to ids of hashed n-grams, 1 to buckets; 0 is padding (`lab.core.batches.Tokenizer`).

    Case and accents are folded. Ids up to `num_word_ids` are words and runs of them, those above are characters. idf
    (buckets + 1,) float32: weight of each id, zero where no training text has it.
    """

    unit = "words"
    pad_id = PAD
    longest = LONGEST

    def __init__(
        self, buckets: int, words: tuple[int, int], chars: tuple[int, int] | None, idf: npt.NDArray[np.float32]
    ) -> None:
        self.buckets = buckets
        self.vocabulary_size = buckets + 1
        self.num_word_ids = buckets if chars is None else buckets - buckets // 2
        self.idf = idf
        self._words = words
        self._chars = chars
        self._ids_of_word: dict[str, list[int]] = {}

    @classmethod
    def fitted(cls, model: Ngram, texts: Iterable[list[str]]) -> "NgramTokenizer":
        """Weights from training texts: ln((1 + texts) / (1 + texts with it)) + 1."""
        seen = np.zeros(model.buckets + 1, dtype=np.int64)
        unfitted = np.ones(model.buckets + 1, dtype=np.float32)
        tokenizer = cls(model.buckets, model.word_ngrams, model.char_ngrams, unfitted)
        num_texts = 0
        for batch in texts:
            num_texts += len(batch)
            for ids in tokenizer.encode(batch, LONGEST):
                seen[np.unique(np.asarray(ids, dtype=np.int64))] += 1
        idf = np.where(seen > 0, np.log((1 + num_texts) / (1 + seen)) + 1, 0.0).astype(np.float32)
        return cls(model.buckets, model.word_ngrams, model.char_ngrams, idf)

    def lengths(self, texts: Sequence[str]) -> list[int]:
        return [len(_WORD.findall(folded(text))) for text in texts]

    def encode(self, texts: Sequence[str], max_length: int) -> list[list[int]]:
        """Ids of all n-grams of the first `max_length` words; a text without a word gives none."""
        return [self._encode(_WORD.findall(folded(text))[:max_length]) for text in texts]

    def _encode(self, words: list[str]) -> list[int]:
        if len(self._ids_of_word) > _CACHED_WORDS:
            self._ids_of_word.clear()
        ids: list[int] = []
        for word in words:
            known = self._ids_of_word.get(word)
            if known is None:
                known = self._ids_of_word[word] = self._of_word(word)
            ids += known
        for size in range(max(2, self._words[0]), self._words[1] + 1):
            ids += [self._word_id(" ".join(words[at : at + size])) for at in range(len(words) - size + 1)]
        return ids

    def _of_word(self, word: str) -> list[int]:
        ids = [self._word_id(word)] if self._words[0] == 1 else []
        if self._chars is not None:
            bounded = f" {word} "
            for size in range(self._chars[0], self._chars[1] + 1):
                ids += [self._char_id(bounded[at : at + size]) for at in range(len(bounded) - size + 1)]
        return ids

    def _word_id(self, ngram: str) -> int:
        return 1 + crc32(ngram.encode()) % self.num_word_ids

    def _char_id(self, ngram: str) -> int:
        return 1 + self.num_word_ids + crc32(ngram.encode()) % (self.buckets - self.num_word_ids)

    def fingerprint(self) -> str:
        return hashlib.sha256(json.dumps(self._description()).encode() + self.idf.tobytes()).hexdigest()

    def save(self, folder: Path) -> None:
        def write(aside: Path) -> None:
            with aside.open("wb") as file:
                np.save(file, self.idf)

        write_whole(folder / _WEIGHTS, write)
        description = json.dumps(self._description())
        write_whole(folder / TOKENIZER_FILE, lambda aside: aside.write_text(description, encoding="utf-8"))

    @classmethod
    def load(cls, folder: Path, description: dict[str, Any]) -> "NgramTokenizer":
        """What `save` wrote. Raises Unreadable for anything else, OSError for a file that is not there."""
        wrong = next(DESCRIBED("it", description), None)
        if wrong is not None:
            raise Unreadable(folder / TOKENIZER_FILE, wrong)
        low, high = description["words"]
        chars = tuple(description["chars"]) if description["chars"] else None
        try:
            idf = np.load(regular(folder / _WEIGHTS), allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise Unreadable(folder / _WEIGHTS, f"holds no array: {error}") from error
        buckets = description["buckets"]
        if getattr(idf, "shape", None) != (buckets + 1,) or idf.dtype != np.float32:
            raise Unreadable(folder / _WEIGHTS, f"does not hold {buckets + 1} numbers in single precision")
        return cls(buckets, (low, high), chars, idf)

    def _description(self) -> dict[str, Any]:
        return {"kind": "ngram", "buckets": self.buckets, "words": self._words, "chars": self._chars}

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_ids_of_word": {}}


def folded(text: str) -> str:
    """Lower case, without accents.

    >>> folded("Válvula Ñandú")
    'valvula nandu'
    """
    plain = text.lower()
    if plain.isascii():
        return plain
    return "".join(char for char in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(char))


class NgramEncoder(BagEncoder):
    """Weighted sum of n-gram vectors: ids and mask (B, L) -> (B, dimension). A row without n-grams gives zeros."""

    idf: Tensor

    def __init__(self, dimension: int, tokenizer: NgramTokenizer, ngram_dropout: float) -> None:
        super().__init__()
        self.dimension = dimension
        self.table = nn.Embedding(tokenizer.vocabulary_size, dimension, padding_idx=PAD)
        nn.init.normal_(self.table.weight, std=INITIAL_STD)
        with torch.no_grad():
            self.table.weight[PAD] = 0
        self.ngram_dropout = nn.Dropout(ngram_dropout)
        self.num_word_ids = tokenizer.num_word_ids
        self.register_buffer("idf", torch.from_numpy(tokenizer.idf.copy()))

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        if ids.shape[1] == 0:  # embedding_bag refuses a batch without a single n-gram
            ids, mask = functional.pad(ids, (0, 1), value=PAD), functional.pad(mask, (0, 1))
        weights = self.ngram_dropout(self.idf[ids] * mask)
        is_word = ids <= self.num_word_ids
        weights = _unit(weights * is_word) + _unit(weights * ~is_word)
        return functional.embedding_bag(ids, self.table.weight, per_sample_weights=weights, mode="sum", padding_idx=PAD)

    @property
    def embeddings(self) -> list[nn.Module]:
        return [self.table, self.ngram_dropout]

    @property
    def layers(self) -> list[nn.Module]:
        return []

    def save_architecture(self, folder: Path) -> None:
        """Nothing to write: the config's sizes and the tokenizer's weights say it all."""


def _unit(weights: Tensor) -> Tensor:
    """Rows (B, L) scaled to length 1; zeros stay zeros."""
    unit: Tensor = weights / weights.norm(dim=1, keepdim=True).clamp(min=1e-6)
    return unit
