"""A linear bag of hashed n-grams that trains in seconds: words, word pairs and characters inside words.

The vector of a text is the sum of the learned vectors of its n-grams, each times its inverse document frequency, as in
TF-IDF with a linear classifier (hashed table: fastText, arXiv 1607.01759). Words and characters have half of the table
each, and the weights of each half are scaled to unit length; otherwise the many characters would outweigh the words.
An n-gram that no training text has gets weight 0. One that a text has n times counts n times; for
`model=linear` 1 + ln(n) times, which did not help this model (LOG.md, 2026-11-29). In training, a random share of the
n-grams is dropped against overfitting on rare n-grams. The ids of texts are computed by `lab.models.text.ngram_ids`.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from lab.config.schema import Ngram
from lab.core.batches import FlatIds
from lab.core.files import Unreadable, regular, write_whole
from lab.core.processes.background import halved
from lab.core.record.fields import count, keyed, optional, pair
from lab.core.registry import TEXT_ENCODERS
from lab.models.text.interfaces import TOKENIZER_FILE, BagEncoder
from lab.models.text.ngram_ids import WORD, HashedNgrams, NgramSizes, folded, word_counts

KIND = "ngram"
PAD = 0
INITIAL_STD = 0.02
LONGEST = 100_000
"""Longest input in words. The method itself has no limit."""

_WEIGHTS = "idf.npy"
DESCRIBED = keyed("buckets", "words", "chars", buckets=count, words=pair(count), chars=optional(pair(count)))
"""The fields that describe a tokenizer in `TOKENIZER_FILE`."""


class NgramTokenizer:
    """Converts a text to ids of hashed n-grams, from 1 to `buckets`; 0 is padding (`lab.core.batches.Tokenizer`).

    Case and accents are removed first. Hashes are CRC-32, which is equal in every process. Ids up to `num_word_ids` are
    n-grams of words; the ids above are n-grams of characters. idf (buckets + 1,) float32: the weight of each id, 0 for
    an id that no training text has.
    """

    unit = "words"
    uses_one_core = True
    """Another process may tokenise other texts at the same time."""
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
        self._hashed = HashedNgrams(NgramSizes(words, chars), buckets, self.num_word_ids)

    @classmethod
    def unweighted(cls, model: Ngram) -> "NgramTokenizer":
        """A tokenizer that gives ids before there are weights: all are 1."""
        return cls(model.buckets, model.word_ngrams, model.char_ngrams, np.ones(model.buckets + 1, np.float32))

    @classmethod
    def fitted(cls, model: Ngram, texts: Iterable[list[str]]) -> "NgramTokenizer":
        """A tokenizer with weights from training texts: ln((1 + texts) / (1 + texts with the id)) + 1."""
        ids = cls.unweighted(model)
        return cls.fitted_to_ids(model, (ids.encode_flat(batch, LONGEST) for batch in texts))

    @classmethod
    def fitted_to_ids(cls, model: Ngram, encoded: Iterable[FlatIds]) -> "NgramTokenizer":
        """As `fitted`, from the ids of all n-grams of the texts."""
        return cls._weighted(model, *_counted(encoded, model.buckets + 1))

    @classmethod
    def fitted_by_two(cls, model: Ngram, halves: Sequence[Callable[[], Iterable[FlatIds]]]) -> "NgramTokenizer":
        """As `fitted_to_ids`, in two processes. halves: each begins to stream the ids of one half of the texts."""
        done: list[tuple[int, npt.NDArray[np.int64]]] = []

        def count(turn: int) -> None:
            num_texts, num_with_id = _counted(halves[turn](), model.buckets + 1)
            np.save(folder / f"{turn}.npy", np.append(num_with_id, num_texts))

        with TemporaryDirectory() as temporary:
            folder = Path(temporary)
            halved(lambda: count(0), lambda: count(1))
            for turn in range(2):
                found = np.load(folder / f"{turn}.npy")
                done.append((int(found[-1]), found[:-1]))
        return cls._weighted(model, sum(num for num, _ in done), done[0][1] + done[1][1])

    @classmethod
    def _weighted(cls, model: Ngram, num_texts: int, num_with_id: npt.NDArray[np.int64]) -> "NgramTokenizer":
        idf = np.where(num_with_id > 0, np.log((1 + num_texts) / (1 + num_with_id)) + 1, 0.0).astype(np.float32)
        return cls(model.buckets, model.word_ngrams, model.char_ngrams, idf)

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Number of words of each text."""
        return word_counts(texts)

    def encode(self, texts: Sequence[str], max_length: int) -> list[list[int]]:
        """Ids of all n-grams of the first `max_length` words; an empty list for a text without words."""
        return self.encode_flat(texts, max_length).rows()

    def encode_flat(self, texts: Sequence[str], max_length: int) -> FlatIds:
        """The ids of `encode` in one array."""
        return self._hashed.encode(texts, max_length)

    def places(self, texts: Sequence[str], max_length: int) -> list[list[tuple[int, int]]]:
        """Characters [start, end) of the text that each id of `encode` stands for; those of its words for an n-gram of
        words."""
        return [self._places(text, max_length) for text in texts]

    def _places(self, text: str, max_length: int) -> list[tuple[int, int]]:
        origin = [place for place, char in enumerate(text) for _ in folded(char)]
        words = [match.span() for match in WORD.finditer(folded(text))][:max_length]
        spans = []
        for start, end in words:
            spans += [(start, end)] if self._words[0] == 1 else []
            for size in range(self._chars[0], self._chars[1] + 1) if self._chars is not None else ():
                last = end - start + 2 - size
                firsts = (start + i - 1 for i in range(last + 1))  # a space is before the word
                spans += [(min(max(start, at), end - 1), max(start + 1, min(end, at + size))) for at in firsts]
        for size in range(max(2, self._words[0]), self._words[1] + 1):
            spans += [(words[i][0], words[i + size - 1][1]) for i in range(len(words) - size + 1)]
        return [(origin[start], origin[end - 1] + 1) for start, end in spans]

    def fingerprint(self) -> str:
        """SHA-256 of the settings, which alone decide the ids: the weights do not."""
        return hashlib.sha256(json.dumps(self._description()).encode()).hexdigest()

    def save(self, folder: Path, more: Mapping[str, Any] | None = None) -> None:
        """Write the IDF weights and the description from which `load` restores this tokenizer. more: what a tokenizer
        that is made of it adds to the description."""

        def write(aside: Path) -> None:
            with aside.open("wb") as file:
                np.save(file, self.idf)

        write_whole(folder / _WEIGHTS, write)
        description = json.dumps(self._description() | dict(more or {}))
        write_whole(folder / TOKENIZER_FILE, lambda aside: aside.write_text(description, encoding="utf-8"))

    @classmethod
    def load(cls, folder: Path, description: dict[str, Any]) -> "NgramTokenizer":
        """The tokenizer that `save` wrote. Raises Unreadable for other content, OSError for a missing file."""
        problem = next(DESCRIBED("it", description), None)
        if problem is not None:
            raise Unreadable(folder / TOKENIZER_FILE, problem)
        low, high = description["words"]
        chars = tuple(description["chars"]) if description["chars"] else None
        try:
            # mapped, because a header may claim more numbers than the file has
            idf = np.array(np.load(regular(folder / _WEIGHTS), mmap_mode="r", allow_pickle=False))
        except (ValueError, EOFError, OverflowError) as error:
            raise Unreadable(folder / _WEIGHTS, f"is not an array: {error}") from error
        buckets = description["buckets"]
        if getattr(idf, "shape", None) != (buckets + 1,) or idf.dtype != np.float32:
            raise Unreadable(folder / _WEIGHTS, f"is not an array of {buckets + 1} numbers in single precision")
        return cls(buckets, (low, high), chars, idf)

    def _description(self) -> dict[str, Any]:
        return {"kind": KIND, "buckets": self.buckets, "words": self._words, "chars": self._chars}

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_hashed": HashedNgrams(self._hashed.sizes, self.buckets, self.num_word_ids)}


def _counted(encoded: Iterable[FlatIds], num_ids: int) -> tuple[int, npt.NDArray[np.int64]]:
    """The number of texts, and of texts with each id, (num_ids,)."""
    num_texts, num_with_id = 0, np.zeros(num_ids, np.int64)
    for batch in encoded:
        num_texts += len(batch.lengths)
        num_with_id += _texts_with_id(batch, num_ids)
    return num_texts, num_with_id


def _texts_with_id(encoded: FlatIds, num_ids: int) -> npt.NDArray[np.int64]:
    """The number of texts that have each id, (num_ids,)."""
    num_texts = len(encoded.lengths)
    kind = np.dtype(np.int32 if num_texts * num_ids < 2**31 else np.int64)  # the narrow ones are sorted faster
    of_text = np.repeat(np.arange(num_texts, dtype=kind) * num_ids, encoded.lengths)
    pairs = np.sort(of_text + encoded.ids)
    first = np.concatenate([pairs[:1] >= 0, pairs[1:] != pairs[:-1]])
    return np.bincount(pairs[first] % num_ids, minlength=num_ids)


class WeightedIds(Protocol):
    """What `NgramEncoder` reads of a tokenizer: ids up to `num_word_ids` are n-grams of words; idf: a weight per id."""

    vocabulary_size: int
    num_word_ids: int
    idf: npt.NDArray[np.float32]


class NgramEncoder(BagEncoder):
    """Weighted sum of n-gram vectors: ids and mask (B, L) -> (B, dimension). A text without n-grams gives zeros.

    log_counts: an n-gram that a text has n times weighs 1 + ln(n) times its IDF in all; false: n times.
    """

    idf: Tensor

    def __init__(self, dimension: int, tokenizer: WeightedIds, ngram_dropout: float, log_counts: bool = False) -> None:
        super().__init__()
        self.log_counts = log_counts
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
        weights = self.weights(ids, mask)
        if torch.compiler.is_exporting():  # the graph of embedding_bag would be a loop over the rows
            return torch.einsum("bl,bld->bd", weights, self.table(ids))
        return functional.embedding_bag(ids, self.table.weight, per_sample_weights=weights, mode="sum", padding_idx=PAD)

    def weights(self, ids: Tensor, mask: Tensor) -> Tensor:
        """The weight of each occurrence in the sum, (B, L): those of equal n-grams share theirs equally."""
        weights, counts = self.idf[ids] * mask, None
        if self.log_counts:
            counts = occurrences(ids * mask)
            weights = weights * (1 + counts.log()) / counts
        weights = self.ngram_dropout(weights)
        is_word = ids <= self.num_word_ids
        return _unit(weights * is_word, counts) + _unit(weights * ~is_word, counts)

    @property
    def embeddings(self) -> list[nn.Module]:
        return [self.table, self.ngram_dropout]

    @property
    def layers(self) -> list[nn.Module]:
        return []

    def save_architecture(self, folder: Path) -> None:
        """Write nothing: the config and the tokenizer define the encoder completely."""


@TEXT_ENCODERS.register(KIND)
def ngram_encoder(model: Ngram, tokenizer: NgramTokenizer) -> NgramEncoder:
    """A new encoder of random weights."""
    return NgramEncoder(model.dimension, tokenizer, model.ngram_dropout)


def occurrences(ids: Tensor) -> Tensor:
    """How often each id of (B, L) occurs in its row, (B, L) in float32, L >= 1. Its operations exist in ONNX."""
    ordered, places = ids.sort(dim=1)
    is_next = (ordered[:, 1:] != ordered[:, :-1]).long()
    runs = functional.pad(is_next.cumsum(1), (1, 0))  # of equal ids, numbered from 0
    none = torch.zeros_like(ids, dtype=torch.float32)
    per_run = none.scatter_add(1, runs, torch.ones_like(none))
    return none.scatter(1, places, per_run.gather(1, runs))


def _unit(weights: Tensor, counts: Tensor | None) -> Tensor:
    """Scale each row of (B, L) to length 1; a row of zeros stays zero. With counts, the length is that of the sums per
    n-gram, of which a count has as many equal parts."""
    norms = weights.norm(dim=1, keepdim=True) if counts is None else (weights.square() * counts).sum(1, True).sqrt()
    unit: Tensor = weights / norms.clamp(min=1e-6)
    return unit
