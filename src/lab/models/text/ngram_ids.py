"""Ids of hashed n-grams for many texts at once, without a step of Python per n-gram.

The ids of a word and of its characters are computed once per word and then looked up. The hash of neighbouring words
follows from those of each (`crc_shift`). Cost: about 10 microseconds for a text of 20 words and 300 n-grams.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
import numpy.typing as npt

from lab.core.batches import FlatIds
from lab.models.text.crc_shift import Crcs, shifted

Ints = npt.NDArray[np.int64]
CACHED_WORDS = 200_000
"""Words whose ids are kept; more are forgotten together."""
CHARACTERS_AT_ONCE = 500_000
"""Characters of the texts whose ids are computed together, about 40 bytes of memory for each."""
WORD = re.compile(r"\w+")
_SPACED = "".join(char if char.isalnum() or char == "_" else " " for char in map(chr, range(128)))
"""Of each ASCII character, itself or a space: what splits faster than a pattern finds."""
_PLAIN = re.compile(r"[\x00-\x7fÀ-ÖØ-öø-ÿ]*")
_IS_WORD = np.array([WORD.fullmatch(chr(byte)) is not None for byte in range(256)])
"""Of each character of `_PLAIN`, whether it belongs to words."""
_BETWEEN = "\0"
"""Stands between texts that are folded together: neither case nor normal forms reach across a control character."""


class NgramSizes(NamedTuple):
    """Shortest and longest n-grams of words, and of characters inside words (None for none)."""

    words: tuple[int, int]
    chars: tuple[int, int] | None


class HashedNgrams:
    """Ids of n-grams: 1 to `num_word_ids` for words, those above up to `buckets` for characters.

    A text has first the ids of each of its words (the word, then its characters from short to long), then those of
    pairs of words, then of triples.
    """

    def __init__(self, sizes: NgramSizes, buckets: int, num_word_ids: int) -> None:
        self.sizes, self.num_word_ids, self.num_char_ids = sizes, num_word_ids, buckets - num_word_ids
        self._words = _Words()

    def encode(self, texts: Sequence[str], max_words: int) -> FlatIds:
        """The ids of the first `max_words` words of each text."""
        parts = [self._encoded(texts[start:end], max_words) for start, end in _pieces(texts)]
        return parts[0] if len(parts) == 1 else FlatIds.joined(parts)

    def _encoded(self, texts: Sequence[str], max_words: int) -> FlatIds:
        known = self._words
        if len(known.codes) > CACHED_WORDS:
            known = self._words = _Words()
        of_texts = words(texts)
        counts = np.fromiter(map(len, of_texts), np.int64, len(of_texts))
        flat = list(chain.from_iterable(of_texts))
        codes = np.fromiter(map(known.codes.__getitem__, flat), np.int64, len(flat))
        new = known.waiting()
        known.add(new, [self._of_word(word) for word in new])
        if (counts > max_words).any():
            kept = _places(counts) < max_words
            codes, counts = codes[kept], np.minimum(counts, max_words)
        of_words, inside = known.ids_of(codes)
        blocks, sizes = [of_words], [_summed(inside, counts)]
        for size in range(max(2, self.sizes.words[0]), self.sizes.words[1] + 1):
            blocks.append(self._of_word_ngrams(codes, counts, size, known.crcs()))
            sizes.append(np.maximum(counts - size + 1, 0))
        return FlatIds(_side_by_side(blocks, sizes), np.sum(sizes, axis=0, dtype=np.int64))

    def _of_word(self, word: str) -> list[int]:
        ids = [1 + crc32(word.encode()) % self.num_word_ids] if self.sizes.words[0] == 1 else []
        if self.sizes.chars is not None:
            bounded = f" {word} "
            if bounded.isascii():
                raw, first = bounded.encode(), 1 + self.num_word_ids
                ids += [
                    first + crc32(raw[i : i + size]) % self.num_char_ids
                    for size in range(self.sizes.chars[0], self.sizes.chars[1] + 1)
                    for i in range(len(raw) - size + 1)
                ]
                return ids
            for size in range(self.sizes.chars[0], self.sizes.chars[1] + 1):
                grams = (bounded[i : i + size] for i in range(len(bounded) - size + 1))
                ids += [1 + self.num_word_ids + crc32(gram.encode()) % self.num_char_ids for gram in grams]
        return ids

    def _of_word_ngrams(self, codes: Ints, counts: Ints, size: int, crcs: "_WordCrcs") -> npt.NDArray[np.int32]:
        """Ids of `size` neighbouring words of each text."""
        first = np.flatnonzero(_places(counts) + size <= np.repeat(counts, counts))
        hashes = crcs.with_space[codes[first]]
        for word in range(1, size):
            after = codes[first + word]
            of_word = crcs.with_space[after] if word < size - 1 else crcs.alone[after]
            hashes = shifted(hashes, crcs.num_bytes[after] + (word < size - 1)) ^ of_word
        return (1 + hashes.astype(np.int64) % self.num_word_ids).astype(np.int32)


class _WordCrcs(NamedTuple):
    """Of each word: the CRC-32 of its bytes, the same with a space behind it, and the number of its bytes."""

    alone: Crcs
    with_space: Crcs
    num_bytes: Ints


class _Words:
    """Words in order of their codes, with their ids one after another."""

    def __init__(self) -> None:
        self.codes = _Codes()
        self._ids, self._lengths, self._starts = _Growing(np.int32), _Growing(np.int64), _Growing(np.int64)
        self._alone, self._with_space, self._num_bytes = _Growing(np.uint32), _Growing(np.uint32), _Growing(np.int64)

    def waiting(self) -> list[str]:
        """Words that have a code and no ids yet."""
        return self.codes.order[self._lengths.size :]

    def add(self, new: Sequence[str], ids: Sequence[Sequence[int]]) -> None:
        """Give the words that wait their ids."""
        lengths = np.fromiter(map(len, ids), np.int64, len(ids))
        self._starts.extend(self._ids.size + _before(lengths))
        self._lengths.extend(lengths)
        self._ids.extend(np.fromiter(chain.from_iterable(ids), np.int32, int(lengths.sum())))
        raw = [word.encode() for word in new]
        alone = [crc32(each) for each in raw]
        self._alone.extend(np.array(alone, np.uint32))
        self._with_space.extend(np.array([crc32(b" ", crc) for crc in alone], np.uint32))
        self._num_bytes.extend(np.fromiter(map(len, raw), np.int64, len(raw)))

    def ids_of(self, codes: Ints) -> tuple[npt.NDArray[np.int32], Ints]:
        """The ids of the words, one word after another, and how many each has."""
        lengths = self._lengths.values[codes]
        firsts = self._starts.values[codes] - _before(lengths)
        return self._ids.values[np.repeat(firsts, lengths) + np.arange(int(lengths.sum()))], lengths

    def crcs(self) -> _WordCrcs:
        """By code."""
        return _WordCrcs(self._alone.values, self._with_space.values, self._num_bytes.values)


class _Growing:
    """An array that grows by doubling its room."""

    def __init__(self, kind: type[np.generic]) -> None:
        self._room: npt.NDArray[Any] = np.empty(1024, kind)
        self.size = 0

    @property
    def values(self) -> npt.NDArray[Any]:
        return self._room[: self.size]

    def extend(self, values: npt.NDArray[Any]) -> None:
        end = self.size + len(values)
        if end > len(self._room):
            self._room = np.concatenate([self.values, np.empty(max(end, 2 * self.size), self._room.dtype)])
        self._room[self.size : end] = values
        self.size = end


class _Codes(dict[str, int]):
    """Numbers words in order of appearance."""

    def __init__(self) -> None:
        super().__init__()
        self.order: list[str] = []

    def __missing__(self, word: str) -> int:
        self[word] = code = len(self.order)
        self.order.append(word)
        return code


def words(texts: Sequence[str]) -> list[list[str]]:
    """The words of each text, folded."""
    return [text.translate(_SPACED).split() if text.isascii() else WORD.findall(text) for text in all_folded(texts)]


def word_counts(texts: Sequence[str]) -> list[int]:
    """The number of words of each text, without its words where folding keeps every letter a letter."""
    is_plain = [_PLAIN.fullmatch(text) is not None for text in texts]
    plain = [text for text, kept in zip(texts, is_plain, strict=True) if kept]
    raw = np.frombuffer(("\n" + "\n".join(plain)).encode("latin-1"), np.uint8)
    starts = _IS_WORD[raw[1:]] & ~_IS_WORD[raw[:-1]]
    sums = np.concatenate([np.zeros(1, np.int64), np.cumsum(starts)])
    ends = np.cumsum([len(text) + 1 for text in plain]) - 1
    counts = iter(np.diff(sums[ends], prepend=0).tolist() if plain else ())
    others = iter(words([text for text, kept in zip(texts, is_plain, strict=True) if not kept]))
    return [next(counts) if kept else len(next(others)) for kept in is_plain]


def folded(text: str) -> str:
    """The text in lower case and without accents.

    >>> folded("Válvula Ñandú")
    'valvula nandu'
    """
    plain = text.lower()
    if plain.isascii():
        return plain
    plain = unicodedata.normalize("NFKD", plain)
    for char in set(plain):
        if unicodedata.combining(char):
            plain = plain.replace(char, "")
    return plain


def all_folded(texts: Sequence[str]) -> list[str]:
    """`folded` of each text; those with letters beyond ASCII are folded together."""
    lower = [text.lower() for text in texts]
    rest = [place for place, text in enumerate(lower) if not text.isascii()]
    together = _BETWEEN.join([lower[place] for place in rest])
    if together.count(_BETWEEN) == len(rest) - 1:
        for place, text in zip(rest, folded(together).split(_BETWEEN), strict=True):
            lower[place] = text
    else:
        for place in rest:
            lower[place] = folded(lower[place])
    return lower


def _pieces(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """First and last place + 1 of texts of about `CHARACTERS_AT_ONCE` characters together."""
    start = num = 0
    for place, text in enumerate(texts):
        num += len(text)
        if num >= CHARACTERS_AT_ONCE:
            yield start, place + 1
            start, num = place + 1, 0
    if start < len(texts):
        yield start, len(texts)


def _places(counts: Ints) -> Ints:
    """The place of each word in its text. counts: words of each text."""
    places: Ints = np.arange(int(counts.sum())) - np.repeat(_before(counts), counts)
    return places


def _before(counts: Ints) -> Ints:
    """The sum of all earlier counts."""
    sums: Ints = np.cumsum(counts) - counts
    return sums


def _summed(values: Ints, counts: Ints) -> Ints:
    """The sum of the values of each text."""
    sums = np.concatenate([np.zeros(1, np.int64), np.cumsum(values)])
    ends = np.cumsum(counts)
    of_texts: Ints = sums[ends] - sums[ends - counts]
    return of_texts


def _side_by_side(blocks: Sequence[npt.NDArray[np.int32]], sizes: Sequence[Ints]) -> npt.NDArray[np.int32]:
    """The ids of text 1 of all blocks, then those of text 2, and so on. sizes: ids of each text, per block."""
    if len(blocks) == 1:
        return blocks[0]
    counts = np.stack(sizes, axis=1).reshape(-1)
    block = np.repeat(np.tile(np.arange(len(blocks), dtype=np.int8), len(sizes[0])), counts)
    result = np.empty(len(block), np.int32)
    for number, ids in enumerate(blocks):
        result[block == number] = ids
    return result
