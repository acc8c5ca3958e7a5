"""Hashed n-grams: ids, weights, saving, and the encoder."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lab.core.batches import FlatIds
from lab.models.text import ngram
from lab.models.text.ngram import NgramEncoder, NgramTokenizer, folded, occurrences


@pytest.fixture
def fitted(shipped: Callable[..., Any], texts: Any) -> Callable[..., NgramTokenizer]:
    return lambda **replaced: NgramTokenizer.fitted(shipped("ngram", **({"buckets": 4096} | replaced)), texts())


def test_case_and_accents_are_removed(fitted: Any) -> None:
    assert folded("VÁLVULA Ñandú ﬁn") == "valvula nandu fin"
    assert fitted().encode(["Válvula"], 5) == fitted().encode(["VALVULA"], 5)


def test_ids_stand_for_words_their_characters_and_word_pairs(fitted: Any) -> None:
    tokenizer = fitted(char_ngrams=(3, 3))
    first, second, both = tokenizer.encode(["eje", "sol", "eje sol"], 9)
    assert len(first) == len(second) == 1 + 3  # the word, and " ej", "eje", "je "
    assert both[:8] == first + second
    assert len(both) == 9
    assert len(fitted(char_ngrams=None).encode(["eje sol"], 9)[0]) == 3
    assert len(fitted(char_ngrams=None, word_ngrams=(2, 3)).encode(["un eje de sol"], 9)[0]) == 3 + 2
    assert len(fitted(char_ngrams=None, word_ngrams=(1, 1)).encode(["un eje de sol"], 9)[0]) == 4
    assert min(both) > 0
    assert max(both) <= 4096 < tokenizer.vocabulary_size


def test_lengths_and_truncation_count_words(fitted: Any) -> None:
    tokenizer = fitted()
    assert tokenizer.unit == "words"
    assert tokenizer.lengths(["uno, dos... tres", "", "¡!"]) == [3, 0, 0]
    assert tokenizer.encode(["uno dos tres cuatro"], 2) == tokenizer.encode(["uno dos"], 9)


def test_ids_are_the_same_in_every_process(fitted: Any) -> None:
    # Python's own hash of a text differs between processes
    assert fitted(char_ngrams=None).encode(["bomba rota"], 9) == [[1278, 1579, 38]]


def test_weights_are_inverse_document_frequencies_and_zero_for_unseen_ngrams(fitted: Any, texts: Any) -> None:
    tokenizer = fitted(char_ngrams=None, word_ngrams=(1, 1))
    (common,), (rare,), (unseen,) = tokenizer.encode(["fuga", "reductor", "turbina"], 1)
    # the 12 texts are four different texts, three times each; "fuga" is in two of the four
    assert tokenizer.idf[common] == pytest.approx(np.log(13 / 7) + 1)
    assert tokenizer.idf[rare] == pytest.approx(np.log(13 / 4) + 1)
    assert tokenizer.idf[unseen] == 0
    assert tokenizer.idf[tokenizer.pad_id] == 0


def test_a_saved_or_pickled_tokenizer_is_the_same(fitted: Any, tmp_path: Path) -> None:
    from lab.training.build.tokenizer import load_tokenizer

    tokenizer = fitted()
    ids = tokenizer.encode(["bomba rota"], 9)
    tokenizer.save(tmp_path)
    for again in (load_tokenizer(tmp_path), pickle.loads(pickle.dumps(tokenizer))):
        assert again.encode(["bomba rota"], 9) == ids
        assert again.fingerprint() == tokenizer.fingerprint()
        assert np.array_equal(again.idf, tokenizer.idf)
    assert fitted(char_ngrams=None).fingerprint() != tokenizer.fingerprint()


def test_a_text_vector_is_the_weighted_sum_of_its_ngrams(fitted: Any, batch: Any) -> None:
    tokenizer = fitted()
    encoder = NgramEncoder(8, tokenizer, 0.0)
    row = tokenizer.encode(["fuga de aceite"], 9)[0]
    weights = torch.from_numpy(tokenizer.idf)[row]
    is_word = torch.tensor([ngram <= tokenizer.num_word_ids for ngram in row])
    assert 0 < is_word.sum() < len(row)
    words, chars = weights * is_word, weights * ~is_word
    expected = (words / words.norm() + chars / chars.norm()) @ encoder.table.weight[row]
    torch.testing.assert_close(encoder(*batch([row], 0))[0], expected, rtol=0, atol=1e-6)


def test_with_log_counts_a_repeated_ngram_weighs_one_plus_its_logarithm(fitted: Any, batch: Any) -> None:
    tokenizer = fitted(char_ngrams=None, word_ngrams=(1, 1))
    encoder = NgramEncoder(8, tokenizer, 0.5, log_counts=True).eval()
    rows = tokenizer.encode(["fuga fuga fuga aceite", "aceite"], 9)
    fuga, oil = rows[0][0], rows[0][3]
    ids, mask = batch(rows, 0)
    sums = torch.tensor([(1 + np.log(3)) * tokenizer.idf[fuga], tokenizer.idf[oil]], dtype=torch.float32)
    expected = sums / sums.norm() @ encoder.table.weight[[fuga, oil]]
    torch.testing.assert_close(encoder(ids, mask)[0], expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(encoder(ids, mask)[1], encoder.table.weight[oil], rtol=0, atol=1e-6)
    dropped = encoder.train().weights(ids.repeat(64, 1), mask.repeat(64, 1)) == 0
    assert 0 < dropped[::2, :3].sum() < 64 * 3, "occurrences are dropped, each by itself"


def test_occurrences_are_counted_in_their_row() -> None:
    ids = torch.tensor([[3, 1, 3, 0], [3, 0, 0, 0], [2, 2, 2, 2]])
    assert occurrences(ids).tolist() == [[2, 1, 2, 1], [1, 3, 3, 3], [4, 4, 4, 4]]
    assert occurrences(ids[:, :1]).tolist() == [[1], [1], [1]]


@pytest.mark.parametrize("rows", [[[], [5, 6]], [[]]])
def test_a_text_without_words_gives_zeros_and_finite_gradients(fitted: Any, batch: Any, rows: list[list[int]]) -> None:
    encoder = NgramEncoder(8, fitted(), 0.5)
    pooled = encoder(*batch(rows, 0))
    assert pooled.shape == (len(rows), 8)
    assert pooled[0].tolist() == [0.0] * 8
    pooled.sum().backward()
    assert encoder.table.weight.grad is not None
    assert torch.isfinite(encoder.table.weight.grad).all()


def test_ngrams_are_dropped_in_training_and_not_when_frozen(fitted: Any, batch: Any) -> None:
    tokenizer = fitted()
    encoder = NgramEncoder(8, tokenizer, 0.5)
    ids, mask = batch(tokenizer.encode(["fuga de aceite en el reductor"], 9), 0)
    assert not torch.equal(encoder(ids, mask), encoder(ids, mask))
    for part in encoder.train().embeddings:  # freezing does the same
        part.eval()
    assert torch.equal(encoder(ids, mask), encoder(ids, mask))


def test_two_processes_count_what_one_counts(fitted: Any, shipped: Callable[..., Any], texts: Any) -> None:
    one, batches = fitted(), [[text] for batch in texts() for text in batch]
    encoded = [one.encode_flat(batch, 100) for batch in batches]
    halves = [lambda part=part: iter(encoded[part::2]) for part in range(2)]
    two = NgramTokenizer.fitted_by_two(shipped("ngram", buckets=4096), halves)
    assert np.array_equal(two.idf, one.idf)
    assert two.fingerprint() == one.fingerprint()
    assert np.array_equal(NgramTokenizer.fitted_to_ids(shipped("ngram", buckets=4096), encoded).idf, one.idf)


def test_narrow_and_wide_numbers_count_the_same() -> None:
    encoded = FlatIds.of([[3, 1, 3], [], [1], [5, 5, 2]] * 750)
    for num_ids in (6, 2**20):  # the second needs 64 bits for its pairs of text and id
        counts = ngram._texts_with_id(encoded, num_ids)
        assert counts[:6].tolist() == [0, 1500, 750, 750, 0, 750]
        assert counts.sum() == 3750
