"""What the classes of past steps say beyond the newest ones: their shares, and how long the newest class has lasted.

A linear model of lagged classes counts one class after the other; whether a spell has just begun or has lasted for days
is a sum and a product of them. In PyTorch, for the fit and for the net alike. Shapes: N windows, L steps, H features.
"""

import torch
from torch import Tensor

SPANS = (3, 6, 12, 24)
"""Numbers of newest steps whose share of class 1 is a feature; that of all steps is one, too."""


def class_history(classes: Tensor, known: Tensor) -> Tensor:
    """(N, H) for the classes (N, L) of past steps, newest first, of which `known` (N, L) bool says which are observed.

    Share of class 1 among the observed classes of each span, 0 without any; the same shares times the newest class, so
    that they count differently after each class; then the logarithm of 1 + the steps that the newest class has lasted,
    in one column where it is class 1, and in another where it is not. There, a class between 0 and 1, as interpolation
    makes it, counts as the nearer.
    """
    spans = spans_of(classes.shape[1])
    kept = known.to(classes.dtype)
    totals, counts = (classes * kept).cumsum(1), kept.cumsum(1)
    shares = [totals[:, span - 1] / counts[:, span - 1].clamp(min=1) for span in spans]
    state = torch.where(known, (classes >= 0.5).to(classes.dtype), -1.0)
    changed = (state != state[:, :1]).to(classes.dtype).cumsum(1)
    lasted = (changed == 0).to(classes.dtype).sum(1).log1p()
    is_one = (state[:, 0] == 1).to(classes.dtype)
    newest = [share * classes[:, 0] * kept[:, 0] for share in shares]
    return torch.stack([*shares, *newest, lasted * is_one, lasted * (1 - is_one)], 1)


def spans_of(length: int) -> tuple[int, ...]:
    """The spans of windows of so many steps."""
    return (*(span for span in SPANS if span < length), length)


def width_of(length: int) -> int:
    """H for windows of so many steps."""
    return 2 * len(spans_of(length)) + 2
