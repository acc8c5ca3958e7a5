"""The loss of one head and how heads are weighed. Shapes: B rows of a micro-batch, K classes, H heads.

Every sum is divided by what the whole accumulation window holds, not by the micro-batch: the parts of a window then add
up to the loss of one large batch, whatever labels are missing and however short the last window is.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from lab.config.schema import LossConfig
from lab.core.batches import MISSING, HeadSpec
from lab.core.errors import Mistake, RequestError, listed, nearest
from lab.core.hydra_quoting import quoted


def class_weights(counts: Sequence[int], kind: str) -> Tensor:
    """(K,) float weights.

    `balanced`: rows / (classes seen * rows of the class), King & Zeng 2001; 0 for unseen ones.
    """
    if kind == "none":
        return torch.ones(len(counts))
    seen = [count for count in counts if count]
    return torch.tensor([sum(seen) / (len(seen) * count) if count else 0.0 for count in counts])


def head_loss(
    logits: Tensor, labels: Tensor, weights: Tensor, smoothing: float, gamma: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Summed loss of the labelled rows and the weight they carry, both scalars.

    logits (B, K), labels (B,) with `MISSING` where unknown, weights (K,). Label smoothing: arXiv 1512.00567. gamma > 0:
    focal loss (arXiv 1708.02002), each row's cross-entropy times (1 - p of its class)^gamma; its alpha are the weights,
    one per class, and the weight that rows carry is that of cross-entropy.
    """
    logits = logits if logits.dtype == torch.double else logits.float()
    weights = weights.to(logits.dtype)
    how = "none" if gamma else "sum"
    summed = functional.cross_entropy(
        logits, labels, weights, ignore_index=MISSING, label_smoothing=smoothing, reduction=how
    )
    known = labels != MISSING  # weighed by 0 or 1, not picked, which would make a GPU wait
    places = torch.where(known, labels, 0)
    if gamma:
        # log(1 - p) by the other classes' logits: 1 - p itself would round to 0 and have no gradient
        others = logits.scatter(1, places[:, None], -torch.inf).logsumexp(1)
        summed = (torch.exp(gamma * (others - logits.logsumexp(1))) * summed).sum()
    return summed, (weights[places] * known).sum()


class HeadLosses(nn.Module):
    """Weighs the heads.

    By fixed weights, or by learned ones (homoscedastic uncertainty, arXiv 1705.07115, s = log sigma^2). Weights from
    config and data stay out of checkpoints, which must not overrule either.
    """

    def __init__(self, heads: tuple[HeadSpec, ...], config: LossConfig) -> None:
        super().__init__()
        _check_names(heads, config)
        self.smoothing = config.label_smoothing
        self.gamma = config.gamma if config.kind == "focal" else 0.0
        self.head_weights: Tensor
        kinds = config.class_weights
        # No buffers: trainer.precision=bf16-true would round them, and a window's labels are counted by them.
        self._class_weights = [
            class_weights(head.counts, kinds if isinstance(kinds, str) else kinds.get(head.name, "none"))
            for head in heads
        ]
        weights = [config.head_weights.get(head.name, 1.0) for head in heads]
        self.register_buffer("head_weights", torch.tensor(weights), persistent=False)
        self.log_variance = nn.Parameter(torch.zeros(len(heads))) if config.head_weighting == "uncertainty" else None

    def of_head(self, index: int, logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """`head_loss` with this head's class weights, smoothing and gamma."""
        return head_loss(logits, labels, self.of_class(index), self.smoothing, self.gamma)

    def window_weight(self, index: int, counts: Tensor) -> Tensor:
        """Weight of all labels of an accumulation window, from its counts (K,)."""
        return (self.of_class(index) * counts).sum()

    def forward(self, losses: Tensor, shares: Tensor) -> Tensor:
        """Total of the heads' losses (H,). shares (H,): the part of the window's label weight that this batch holds."""
        weighed = self.head_weights * losses
        if self.log_variance is None:
            return weighed.sum()
        return (torch.exp(-self.log_variance) * weighed + shares * self.log_variance / 2).sum()

    @torch.no_grad()
    def of_epoch(self, means: Tensor, known: Tensor) -> Tensor:
        """Total of the heads' mean losses (H,), weighed as in training; heads not in `known` (H,) bool are left out."""
        device = self.head_weights.device
        total: Tensor = self(torch.where(known, means, 0.0).float().to(device), known.float().to(device))
        return total

    def of_class(self, index: int) -> Tensor:
        """Weights of a head's classes (K,)."""
        weights = self._class_weights[index].to(self.head_weights.device)
        self._class_weights[index] = weights
        return weights


def _check_names(heads: tuple[HeadSpec, ...], config: LossConfig) -> None:
    names = [head.name for head in heads]
    asked: dict[str, Mapping[str, object]] = {"loss.head_weights": config.head_weights}
    if not isinstance(config.class_weights, str):
        asked["loss.class_weights"] = config.class_weights
    mistakes = []
    for key, given in asked.items():
        mended = {nearest(name, names): value for name, value in given.items()}
        mended.pop(None, None)
        remedy = quoted(key, mended) if mended else ""
        mistakes += [
            Mistake(key, f"no head {name!r}; the data has {listed(names)}", remedy)
            for name in given
            if name not in names
        ]
    if mistakes:
        raise RequestError(mistakes)
