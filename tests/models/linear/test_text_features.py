"""Sparse rows are the TF-IDF of scikit-learn: repeated n-grams are damped, each half of a row has length 1."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from lab.core.batches import FlatIds
from lab.models.linear.text_features import candidates, sparse_rows
from lab.models.linear.tokenizer import NgramSettings, SparseNgramTokenizer

TEXTS = ["fuga de aceite y fuga de agua", "fuga fuga fuga de agua", "ruido en motor", "ruido, ruido en bomba"]


def test_rows_are_those_of_scikit_learn() -> None:
    tokenizer = SparseNgramTokenizer.fitted(NgramSettings(2**16, char_ngrams=None, min_texts=2), [TEXTS])
    rows = sparse_rows(tokenizer.encode_flat(TEXTS, 99), tokenizer.idf, tokenizer.num_word_ids, True).toarray()
    vectors = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, token_pattern=r"\w+")
    expected = vectors.fit_transform(TEXTS).toarray()
    assert (expected > 0).sum() == 16
    np.testing.assert_allclose(np.sort(rows[:, 1:], 1), np.sort(expected, 1), atol=1e-6)


def test_words_and_characters_have_length_1_each() -> None:
    ids, idf = np.array([1, 1, 1, 2, 3, 3, 4], np.int32), np.array([0, 1, 2, 1.5, 3], np.float32)
    (row,) = sparse_rows(FlatIds(ids, np.array([7])), idf, 2, True).toarray()
    assert row[1] / row[2] == pytest.approx((1 + np.log(3)) / 2)
    assert np.square(row[:3]).sum() == pytest.approx(1)
    assert np.square(row[3:]).sum() == pytest.approx(1)


def test_occurrences_weigh_the_same_in_models_of_earlier_versions() -> None:
    ids, idf = np.array([1, 1, 1, 2], np.int32), np.array([0, 1, 2], np.float32)
    (row,) = sparse_rows(FlatIds(ids, np.array([4])), idf, 2, False).toarray()
    np.testing.assert_allclose(row[1:], np.array([3, 2]) / 7**0.5, rtol=1e-6)


def test_columns_to_choose_from() -> None:
    assert candidates(3, 9, True) == [4, 9]
    assert candidates(3, 9, False) == candidates(8, 9, True) == candidates(0, 9, True) == [9]
