"""Ids of n-grams that are computed for many texts at once: those of a plain loop over each text."""

import random
import re
import unicodedata
from zlib import crc32

import pytest

from lab.core.batches import FlatIds
from lab.models.text import ngram_ids
from lab.models.text.ngram_ids import HashedNgrams, NgramSizes, word_counts, words

ALPHABET = "abcXYZ áéñÑ ΣσΟΔΟΣ 漢字 ½ﬁ İı ß\u0301\n\t_-9 ٣ \u200d 🙂 Å"
BUCKETS, NUM_WORD_IDS = 5000, 2500


def texts() -> list[str]:
    rng = random.Random(0)
    drawn = ["".join(rng.choices(ALPHABET, k=rng.randint(0, 40))) for _ in range(300)]
    return [*drawn, "", " ", "sin acentos", "x" * 300 + " y " + "z" * 70 + " " + "ñ" * 200]


def plain_words(text: str) -> list[str]:
    decomposed = unicodedata.normalize("NFKD", text.lower())
    return re.findall(r"\w+", "".join(char for char in decomposed if not unicodedata.combining(char)))


def plain_ids(text: str, sizes: NgramSizes, max_words: int) -> list[int]:
    found, ids = plain_words(text)[:max_words], []
    for word in found:
        ids += [1 + crc32(word.encode()) % NUM_WORD_IDS] if sizes.words[0] == 1 else []
        for size in range(sizes.chars[0], sizes.chars[1] + 1) if sizes.chars else ():
            grams = [f" {word} "[place : place + size] for place in range(len(word) + 3 - size)]
            ids += [1 + NUM_WORD_IDS + crc32(gram.encode()) % (BUCKETS - NUM_WORD_IDS) for gram in grams]
    for size in range(max(2, sizes.words[0]), sizes.words[1] + 1):
        grams = [" ".join(found[place : place + size]) for place in range(len(found) - size + 1)]
        ids += [1 + crc32(gram.encode()) % NUM_WORD_IDS for gram in grams]
    return ids


@pytest.mark.parametrize("sizes", [((1, 1), (3, 5)), ((1, 2), (2, 5)), ((2, 3), None), ((1, 4), (4, 4))])
@pytest.mark.parametrize("max_words", [1, 4, 100_000])
def test_ids_are_those_of_a_loop_over_each_text(sizes: tuple[object, object], max_words: int) -> None:
    settings = NgramSizes(*sizes)  # type: ignore[arg-type]
    ngrams = HashedNgrams(settings, BUCKETS, NUM_WORD_IDS)
    expected = [plain_ids(text, settings, max_words) for text in texts()]
    assert ngrams.encode(texts(), max_words).rows() == expected
    assert ngrams.encode(texts(), max_words).rows() == expected, "words that were seen before"


def test_texts_are_encoded_in_pieces_and_old_words_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = NgramSizes((1, 2), (3, 5))
    whole = HashedNgrams(sizes, BUCKETS, NUM_WORD_IDS).encode(texts(), 100)
    monkeypatch.setattr(ngram_ids, "CHARACTERS_AT_ONCE", 50)
    monkeypatch.setattr(ngram_ids, "CACHED_WORDS", 20)
    ngrams = HashedNgrams(sizes, BUCKETS, NUM_WORD_IDS)
    assert ngrams.encode(texts(), 100).rows() == whole.rows()
    assert len(ngrams._words.codes) < len({word for found in words(texts()) for word in found})


def test_words_are_found_in_texts_with_the_character_that_separates_them() -> None:
    strange = [*texts(), "ñ\0ñ", "\0é"]
    assert words(strange) == [plain_words(text) for text in strange]


def test_words_are_counted_as_they_are_found() -> None:
    for some in (texts(), [], [""], ["a\nb c", "", "ñandú año", "½ vez", "Å_1 ß"]):
        assert word_counts(some) == [len(plain_words(text)) for text in some]


def test_no_texts_and_texts_without_words_have_no_ids() -> None:
    ngrams = HashedNgrams(NgramSizes((1, 2), (3, 5)), BUCKETS, NUM_WORD_IDS)
    assert ngrams.encode([], 10).rows() == []
    assert ngrams.encode(["", "?!"], 10).rows() == [[], []]
    assert FlatIds.joined([]).rows() == []
