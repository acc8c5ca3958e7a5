"""Spans of tokens as answers: their probabilities, their loss, and the best spans of a window.

The start and the end of an answer are context tokens, or both are the first token, which means "not in this window"
(Devlin et al., arXiv 1810.04805). The score of a span is log P(start) + log P(end). All spans of at most `max_answer`
tokens are compared, so the best span is exact. Shapes: B windows, L tokens, N candidates.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

NEVER = -1e4
"""Logit of impossible tokens. It is finite, so that label smoothing and bf16 also give finite numbers."""


class Candidates(NamedTuple):
    """The best spans of each window, best first.

    scores: (B, N) float, -inf if a window has fewer than N spans. first, last: (B, N) numbers of tokens. none: (B,) the
    score of "not in this window".
    """

    scores: Tensor
    first: Tensor
    last: Tensor
    none: Tensor


def log_probabilities(logits: Tensor, possible: Tensor) -> Tensor:
    """Log P(start) and log P(end), (B, L, 2), from logits (B, L, 2). possible (B, L) bool: tokens of the context."""
    allowed = possible.clone()
    allowed[:, 0] = True
    return logits.float().masked_fill(~allowed.unsqueeze(-1), NEVER).log_softmax(1)


def span_loss(logs: Tensor, spans: Tensor, possible: Tensor, smoothing: float) -> Tensor:
    """Mean of the cross-entropies of start and end, (B,). logs (B, L, 2); spans (B, 2): first and last token.

    smoothing: the share of the target that is spread evenly over all possible tokens (arXiv 1512.00567).
    """
    losses = -logs.gather(1, spans.unsqueeze(1)).squeeze(1)
    if smoothing:
        allowed = possible.clone()
        allowed[:, 0] = True
        weights = allowed.float().unsqueeze(-1)
        losses = (1 - smoothing) * losses - smoothing * (logs * weights).sum(1) / weights.sum(1)
    return losses.mean(-1)


def best_spans(logs: Tensor, possible: Tensor, max_answer: int, num: int) -> Candidates:
    """The `num` best spans of context tokens in each window, of at most `max_answer` tokens, start before end."""
    none = logs[:, 0].sum(-1)
    inside = logs.masked_fill(~possible.unsqueeze(-1), -torch.inf)
    start, end = inside[..., 0], inside[..., 1]
    length = start.shape[1]
    widths = min(max_answer, length)
    # (B, widths, L): spans of width + 1 tokens, at the number of their first token
    joint = start[:, None] + functional.pad(end, (0, widths - 1), value=-torch.inf).unfold(1, length, 1)
    scores, places = joint.flatten(1).topk(min(num, widths * length))
    first = places % length
    last = (first + places // length).clamp(max=length - 1)  # clamped for impossible spans (-inf)
    return Candidates(scores, first, last, none)
