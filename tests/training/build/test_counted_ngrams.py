"""Weights that are counted from the ids in the cache are those of the texts themselves, cut or not, by one or two."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from lab.config.schema import Ngram
from lab.core.batches import FlatIds
from lab.core.errors import RequestError
from lab.models.text.ngram import NgramTokenizer
from lab.training.build import counted_ngrams
from lab.training.build.counted_ngrams import CHUNK, CountedNgrams

WORDS = ["bomba", "motor", "fuga", "aceite", "vibra", "rota", "válvula", "sello", "caliente", "ruido"]


class Listed(list[str]):
    """`Texts` in memory."""

    def batches(self, size: int) -> Iterator[list[str]]:
        for start in range(0, len(self), size):
            yield list(self[start : start + size])

    def at(self, places: npt.NDArray[np.int64]) -> "Listed":
        return Listed([self[place] for place in places])


@pytest.fixture
def model() -> Ngram:
    return Ngram.model_construct(buckets=512, word_ngrams=(1, 2), char_ngrams=(3, 4))


@pytest.fixture
def texts() -> Listed:
    """More than two pieces; texts of no word up to nine words."""
    random = np.random.default_rng(0)
    return Listed([" ".join(random.choice(WORDS, random.integers(10))) for _ in range(2 * CHUNK + 300)])


@pytest.mark.parametrize("by_two", [False, True])
@pytest.mark.parametrize("max_length", ["auto", 1, 4, 50])
def test_weights_and_ids_are_those_of_two_passes(
    model: Ngram, texts: Listed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, max_length: int | str, by_two: bool
) -> None:
    monkeypatch.setattr(counted_ngrams, "HALVED", 1000)
    monkeypatch.setattr(counted_ngrams, "is_possible", lambda: by_two)
    counted = CountedNgrams(model, texts, "key", max_length, tmp_path)  # type: ignore[arg-type]
    found, plain = counted.tokenizer(), NgramTokenizer.fitted(model, texts.batches(700))
    assert np.array_equal(found.idf, plain.idf)
    assert counted.tokens is not None
    longest = 9 if max_length == "auto" else int(max_length)
    expected = plain.encode_flat(texts, longest)
    assert np.array_equal(counted.tokens.values, expected.ids)
    assert np.array_equal(counted.tokens.lengths, expected.lengths)


def test_only_texts_that_are_cut_are_encoded_twice(
    model: Ngram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    encode_flat = NgramTokenizer.encode_flat

    def watched(self: NgramTokenizer, texts: Sequence[str], max_length: int) -> FlatIds:
        seen.extend(texts)
        return encode_flat(self, texts, max_length)

    monkeypatch.setattr(NgramTokenizer, "encode_flat", watched)
    texts = Listed(["bomba rota", "fuga de aceite", "motor"])
    CountedNgrams(model, texts, "key", 2, tmp_path).tokenizer()  # type: ignore[arg-type]
    assert sorted(seen) == sorted([*texts, "fuga de aceite"])


def test_a_length_that_no_model_reads_is_refused_before_anything_is_encoded(model: Ngram, tmp_path: Path) -> None:
    counted = CountedNgrams(model, Listed(["bomba rota"]), "key", 10**6, tmp_path)  # type: ignore[arg-type]
    with pytest.raises(RequestError, match=r"data\.max_length"):
        counted.tokenizer()
    assert counted.tokens is None
