"""From hidden states of tokens to one vector a text: first token, mean or maximum over what is no padding.

Pure and independent of how far a batch is padded, so that a text scores the same in whatever company. The sum of the
mean runs in fp32: under bf16 autocast it would lose the small terms of a long text. Shapes: B rows, L tokens, D width.
"""

from typing import Literal

import torch
from torch import Tensor

Pooling = Literal["cls", "mean", "max"]


def pool(hidden: Tensor, mask: Tensor, how: Pooling) -> Tensor:
    """hidden (B, L, D), mask (B, L) bool -> (B, D). A row without a single token gives zeros (mean, max)."""
    if how == "cls":
        return hidden[:, 0]
    kept = mask.unsqueeze(-1)
    if how == "mean":
        summed = (hidden.float() * kept).sum(1)
        return (summed / kept.sum(1).clamp(min=1)).to(hidden.dtype)
    highest = hidden.masked_fill(~kept, torch.finfo(hidden.dtype).min).amax(1)
    return highest.masked_fill(~mask.any(1, keepdim=True), 0.0)
