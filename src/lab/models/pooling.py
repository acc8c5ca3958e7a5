"""From hidden states of tokens to what a head reads of a text: first token, mean, maximum, or by a query it learns.

Independent of how far a batch is padded, so that a text scores the same in whatever company. Sums run in fp32: under
bf16 autocast they would lose the small terms of a long text. Shapes: B rows, L tokens, D width, Q queries.
"""

from typing import Literal

import torch
from torch import Tensor, nn

Pooling = Literal["cls", "mean", "max", "attention"]


class TokenPooling(nn.Module):
    """hidden (B, L, D), mask (B, L) bool -> (B, 1, D), the same for every head, or (B, heads, D) with attention."""

    def __init__(self, how: Pooling, width: int, num_heads: int) -> None:
        super().__init__()
        self.how = how
        self.attention = AttentionPooling(width, num_heads) if how == "attention" else None

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        if self.attention is None:
            return pool(hidden, mask, self.how).unsqueeze(1)
        found: Tensor = self.attention(hidden, mask)
        return found


class AttentionPooling(nn.Module):
    """hidden (B, L, D), kept (B, L) bool -> (B, Q, D) fp32: each query's own mean, weighed by a softmax over tokens.

    As the attention of each label in arXiv 1802.05695. Starts as the mean; a row without a single token gives zeros.
    """

    def __init__(self, width: int, num_queries: int = 1) -> None:
        super().__init__()
        self.query = nn.Linear(width, num_queries)
        nn.init.zeros_(self.query.weight)

    def forward(self, hidden: Tensor, kept: Tensor) -> Tensor:
        there = kept.unsqueeze(-1)
        with torch.autocast(hidden.device.type, enabled=False):
            hidden = hidden.float()
            weights = self.query(hidden).masked_fill(~there, -1e9).softmax(1) * there
            return torch.einsum("blq,bld->bqd", weights, hidden)


def pool(hidden: Tensor, mask: Tensor, how: Pooling) -> Tensor:
    """hidden (B, L, D), mask (B, L) bool -> (B, D). A row without a single token gives zeros (mean, max)."""
    if how == "cls":
        return hidden[:, 0]
    kept = mask.unsqueeze(-1)
    if how == "mean":
        summed = (hidden.float() * kept).sum(1)
        return (summed / kept.sum(1).clamp(min=1)).to(hidden.dtype)
    assert how == "max", f"{how} has weights of its own"
    highest = hidden.masked_fill(~kept, torch.finfo(hidden.dtype).min).amax(1)
    return highest.masked_fill(~mask.any(1, keepdim=True), 0.0)
