"""Texts as sparse rows of TF-IDF: one weight per n-gram of a text.

The weight of an n-gram that a text has n times is its inverse document frequency times 1 + ln(n) (sublinear term
frequency: Manning, Raghavan and Schuetze 2008, Introduction to Information Retrieval, 6.4.1), so that a text that
repeats itself is not ruled by what it repeats. The weights of words and of characters are scaled to length 1
separately, so that the many characters do not outweigh the words. Shapes: N texts, D n-grams.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from lab.core.batches import FlatIds

LEAST_NORM = 1e-6


def candidates(num_word_ids: int, num_columns: int, choose_words: bool) -> list[int]:
    """The numbers of columns to choose from: those of words, if there are words and other n-grams, and all."""
    words = num_word_ids + 1
    return [words, num_columns] if choose_words and 1 < words < num_columns else [num_columns]


def sparse_rows(encoded: FlatIds, idf: npt.NDArray[np.float32], num_word_ids: int, sublinear: bool) -> Any:
    """A SciPy CSR matrix (N, D) in float32, with one entry per n-gram of a row.

    idf: (D,); ids up to `num_word_ids` are n-grams of words. sublinear: false for models of earlier versions, in which
    every occurrence weighed the inverse document frequency and counted for the length by itself.
    """
    from scipy import sparse

    flat, lengths = encoded
    starts = np.concatenate([[0], lengths.cumsum()])
    matrix = sparse.csr_matrix((np.ones(len(flat), np.float32), flat, starts), shape=(len(lengths), len(idf)))
    matrix.sum_duplicates()
    ids, counts = matrix.indices, matrix.data.astype(np.float64)
    rows = np.repeat(np.arange(len(lengths)), np.diff(matrix.indptr))
    weights = idf[ids] * (1 + np.log(counts) if sublinear else counts)
    squares = weights**2 if sublinear else weights**2 / counts
    is_word = ids <= num_word_ids
    for part in (is_word, ~is_word):
        norms = np.sqrt(np.bincount(rows[part], squares[part], len(lengths)))
        weights[part] /= np.maximum(norms, LEAST_NORM)[rows[part]]
    matrix.data = weights.astype(np.float32)
    return matrix
