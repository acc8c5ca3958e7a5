"""The encoder of `model=linear` has the weights of `sparse_rows`, alone, in batches and in a graph."""

import numpy as np
import pytest
import torch

from lab.models.linear.text_features import sparse_rows
from lab.models.linear.tfidf_encoder import TfidfEncoder
from lab.models.linear.tokenizer import NgramSettings, SparseNgramTokenizer

TEXTS = ["fuga de aceite y fuga de agua", "fuga fuga fuga de agua", "ruido en motor", "ruido, ruido en bomba", ""]


@pytest.mark.parametrize("sublinear", [True, False])
def test_weights_are_those_of_sparse_rows(sublinear: bool) -> None:
    tokenizer = SparseNgramTokenizer.fitted(NgramSettings(buckets=2**12), [TEXTS])
    tokenizer.sublinear = sublinear
    ids = tokenizer.encode(TEXTS, 100)
    length = max(map(len, ids))
    padded = torch.tensor([row + [0] * (length - len(row)) for row in ids])
    weights = TfidfEncoder(4, tokenizer).weights(padded, padded > 0)
    summed = torch.zeros(len(TEXTS), tokenizer.vocabulary_size).scatter_add(1, padded, weights)
    matrix = sparse_rows(tokenizer.encode_flat(TEXTS, 100), tokenizer.idf, tokenizer.num_word_ids, sublinear)
    np.testing.assert_allclose(summed.numpy(), matrix.toarray(), atol=1e-6)
