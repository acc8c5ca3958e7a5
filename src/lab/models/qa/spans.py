"""Spans of tokens as answers: probabilities over what may be one, their loss, and the best of them.

The start and the end of an answer are one of a window's context tokens each, or the first token, which stands for "not
in this window" (Devlin et al., arXiv 1810.04805). The score of a span is log P(start) + log P(end); every span of at
most `max_answer` tokens is weighed, so the best one is exact. Shapes: B windows, L tokens, N candidates.
"""

from typing import NamedTuple

import torch
from torch import Tensor

NEVER = -1e4
"""Logit of what cannot be: finite, so that label smoothing and bf16 stay so."""


class Candidates(NamedTuple):
    """The best spans of each window, best first.

    scores: (B, N) float, -inf where a window has fewer than N. first, last: (B, N) tokens. none: (B,) the score of "not
    in this window".
    """

    scores: Tensor
    first: Tensor
    last: Tensor
    none: Tensor


def log_probabilities(logits: Tensor, possible: Tensor) -> Tensor:
    """(B, L, 2) log P(start) and log P(end). logits (B, L, 2); possible (B, L) bool: tokens of the context."""
    allowed = possible.clone()
    allowed[:, 0] = True
    return logits.float().masked_fill(~allowed.unsqueeze(-1), NEVER).log_softmax(1)


def span_loss(logs: Tensor, spans: Tensor, possible: Tensor, smoothing: float) -> Tensor:
    """(B,) mean of the cross-entropies of start and end. spans (B, 2).

    smoothing: the share of the target that is spread evenly over all tokens that may be one (arXiv 1512.00567).
    """
    wanted = -logs.gather(1, spans.unsqueeze(1)).squeeze(1)
    if smoothing:
        allowed = possible.clone()
        allowed[:, 0] = True
        weights = allowed.float().unsqueeze(-1)
        wanted = (1 - smoothing) * wanted - smoothing * (logs * weights).sum(1) / weights.sum(1)
    return wanted.mean(-1)


def best_spans(logs: Tensor, possible: Tensor, max_answer: int, num: int) -> Candidates:
    """The `num` best spans of context tokens in each window, of at most `max_answer` tokens, start before end."""
    none = logs[:, 0].sum(-1)
    inside = logs.masked_fill(~possible.unsqueeze(-1), -torch.inf)
    start, end = inside[..., 0], inside[..., 1]
    num_windows, length = start.shape
    widths = min(max_answer, length)
    joint = start.new_full((num_windows, widths, length), -torch.inf)
    for width in range(widths):  # spans of width + 1 tokens, by their first
        joint[:, width, : length - width] = start[:, : length - width] + end[:, width:]
    scores, places = joint.flatten(1).topk(min(num, widths * length))
    first = places % length
    last = (first + places // length).clamp(max=length - 1)  # of what is no span (-inf), too
    return Candidates(scores, first, last, none)
