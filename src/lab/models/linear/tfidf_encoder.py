"""The encoder of `model=linear`: a sum of n-gram vectors with the weights of `sparse_rows`.

Shapes: B texts, L n-grams of a text, V n-grams of the tokenizer.
"""

import torch
from torch import Tensor

from lab.models.linear.text_features import LEAST_NORM
from lab.models.linear.tokenizer import SparseNgramTokenizer
from lab.models.text.ngram import NgramEncoder


class TfidfEncoder(NgramEncoder):
    """An `NgramEncoder` in which an n-gram that a text has n times weighs 1 + ln(n) times its IDF in all.

    Models of earlier versions (`sublinear` false) have the weights of `NgramEncoder`.
    """

    def __init__(self, dimension: int, tokenizer: SparseNgramTokenizer) -> None:
        super().__init__(dimension, tokenizer, 0.0)
        self.sublinear = tokenizer.sublinear

    def weights(self, ids: Tensor, mask: Tensor) -> Tensor:
        """The weight of each occurrence in the sum, (B, L): those of equal n-grams share theirs equally."""
        if not self.sublinear:
            return super().weights(ids, mask)
        counts = occurrences(ids * mask, len(self.idf))
        weights = self.idf[ids] * mask * (1 + counts.log()) / counts
        is_word = ids <= self.num_word_ids
        return _unit(weights * is_word, counts) + _unit(weights * ~is_word, counts)


def occurrences(ids: Tensor, num_ids: int) -> Tensor:
    """How often each id occurs in its row, (B, L) in float32. ids: (B, L), below `num_ids`."""
    if torch.compiler.is_exporting():  # the number of different ids is no size that a graph can have
        ones = torch.ones_like(ids, dtype=torch.float32)
        per_id = ones.new_zeros(ids.shape[0], num_ids).scatter_add(1, ids, ones)
        return per_id.gather(1, ids)
    keys = ids + num_ids * torch.arange(len(ids), device=ids.device).unsqueeze(1)
    _, places, counts = torch.unique(keys, return_inverse=True, return_counts=True)
    per_place: Tensor = counts[places].float()
    return per_place


def _unit(weights: Tensor, counts: Tensor) -> Tensor:
    """Scale each row of (B, L) so that the sums per n-gram have length 1; a row of zeros stays zero."""
    norms = (weights.square() * counts).sum(1, keepdim=True).sqrt()
    unit: Tensor = weights / norms.clamp(min=LEAST_NORM)
    return unit
