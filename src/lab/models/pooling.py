"""Pooling of token vectors into one vector per text: first token, mean, maximum, or attention with a learned query.

The result does not depend on the padding of the batch, so a text gets the same score in any batch. Sums are computed in
fp32, because bf16 autocast would lose the small terms of a long text. Shapes: B rows, L tokens, D width, Q queries.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from lab.core.registry import POOLINGS


class TokenPooling(nn.Module):
    """hidden (B, L, D), mask (B, L) bool -> (B, 1, D) for all heads together, or (B, heads, D) with attention.

    how: a pooling of `lab`, or one that a plug-in has registered in `POOLINGS`.
    """

    def __init__(self, how: str, width: int, num_heads: int) -> None:
        super().__init__()
        self.how = how
        self.attention = AttentionPooling(width, num_heads) if how == "attention" else None
        self.custom: nn.Module | None = POOLINGS[how](width, num_heads) if how in POOLINGS else None

    @property
    def has_weights(self) -> bool:
        """Whether it may train, so that pooled vectors change in training."""
        return self.attention is not None or self.custom is not None

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        weighted = self.attention or self.custom
        if weighted is None:
            return pool(hidden, mask, self.how).unsqueeze(1)
        pooled: Tensor = weighted(hidden, mask)
        return pooled


class AttentionPooling(nn.Module):
    """hidden (B, L, D), kept (B, L) bool -> (B, Q, D): per query a mean weighted by a softmax over the tokens.

    It is computed in fp32 at least, and has the kind of number of the weights.

    This is the per-label attention of arXiv 1802.05695. Before training it is the plain mean. A row without tokens
    gives zeros.
    """

    def __init__(self, width: int, num_queries: int = 1) -> None:
        super().__init__()
        self.query = nn.Linear(width, num_queries)
        nn.init.zeros_(self.query.weight)

    def forward(self, hidden: Tensor, kept: Tensor) -> Tensor:
        mask = kept.unsqueeze(-1)
        with torch.autocast(hidden.device.type, enabled=False):
            hidden = hidden.to(torch.promote_types(hidden.dtype, torch.float32))
            scores = functional.linear(hidden, self.query.weight.to(hidden.dtype), self.query.bias.to(hidden.dtype))
            weights = scores.masked_fill(~mask, -1e9).softmax(1) * mask
            return torch.einsum("blq,bld->bqd", weights, hidden).to(self.query.weight.dtype)


def pool(hidden: Tensor, mask: Tensor, how: str) -> Tensor:
    """hidden (B, L, D), mask (B, L) bool -> (B, D). A row without tokens gives zeros (mean, max)."""
    if how == "cls":
        return hidden[:, 0]
    kept = mask.unsqueeze(-1)
    if how == "mean":
        summed = (hidden.float() * kept).sum(1)
        return (summed / kept.sum(1).clamp(min=1)).to(hidden.dtype)
    assert how == "max", f"{how} pooling has weights"
    highest = hidden.masked_fill(~kept, torch.finfo(hidden.dtype).min).amax(1)
    return highest.masked_fill(~mask.any(1, keepdim=True), 0.0)
