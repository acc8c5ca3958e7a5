"""The encoder of `model=linear`: a sum of n-gram vectors with the weights of `sparse_rows`."""

from lab.models.linear.tokenizer import SparseNgramTokenizer
from lab.models.text.ngram import NgramEncoder


class TfidfEncoder(NgramEncoder):
    """An `NgramEncoder` that drops nothing and counts as its tokenizer says."""

    def __init__(self, dimension: int, tokenizer: SparseNgramTokenizer) -> None:
        super().__init__(dimension, tokenizer, 0.0, log_counts=tokenizer.sublinear)
