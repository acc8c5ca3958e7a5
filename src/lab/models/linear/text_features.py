"""Texts as sparse rows: the weights that `NgramEncoder` gives the n-grams of a text, summed per n-gram.

Each occurrence of an n-gram weighs its inverse document frequency. The weights of words and of characters are scaled to
length 1 separately, so that the many characters do not outweigh the words. Shapes: N texts, D n-grams.
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


def sparse_rows(encoded: FlatIds, idf: npt.NDArray[np.float32], num_word_ids: int, to_fit: bool = True) -> Any:
    """A SciPy CSR matrix (N, D) in float32. idf: (D,); ids up to `num_word_ids` are n-grams of words.

    to_fit: each n-gram is one entry of a row, as solvers need it. A product with weights does not, and sorting the
    entries costs more than all else.
    """
    from scipy import sparse

    flat, lengths = encoded
    rows = np.repeat(np.arange(len(lengths)), lengths)
    weights = idf[flat].astype(np.float64)
    is_word = flat <= num_word_ids
    for part in (is_word, ~is_word):
        norms = np.sqrt(np.bincount(rows[part], weights[part] ** 2, len(lengths)))
        weights[part] /= np.maximum(norms, LEAST_NORM)[rows[part]]
    starts = np.concatenate([[0], lengths.cumsum()])
    matrix = sparse.csr_matrix((weights.astype(np.float32), flat, starts), shape=(len(lengths), len(idf)))
    if to_fit:
        matrix.sum_duplicates()
    return matrix
