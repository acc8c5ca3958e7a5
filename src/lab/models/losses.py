"""The loss of one head and the weights of the heads. Shapes: B rows of a micro-batch, K classes, H heads.

Every sum is divided by the label weight of the whole accumulation window, not of the micro-batch. So the parts of a
window add up to the loss of one large batch, even with missing labels and in a shorter last window.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from lab.config.schema import AnyLoss, CustomLoss, LossConfig
from lab.config.targets import make
from lab.core.batches import MISSING, HeadSpec
from lab.core.errors import Mistake, RequestError, listed, nearest
from lab.core.hydra_quoting import quoted
from lab.core.registry import LOSSES


def class_weights(counts: Sequence[int], kind: str) -> Tensor:
    """Weights of the classes (K,), from the number of training rows of each class.

    kind `none` or `auto`: 1 for every class. `balanced`: rows / (classes with rows * rows of the class), King & Zeng
    2001; 0 for a class without rows.
    """
    if kind != "balanced":
        return torch.ones(len(counts))
    seen = [count for count in counts if count]
    return torch.tensor([sum(seen) / (len(seen) * count) if count else 0.0 for count in counts])


def log_shares(counts: Sequence[int]) -> Tensor:
    """Logarithm of each class's share of the training rows (K,); a class without rows counts as half a row."""
    filled = torch.tensor([max(count, 0.5) for count in counts])
    return (filled / filled.sum()).log()


def head_loss(
    logits: Tensor,
    labels: Tensor,
    weights: Tensor,
    smoothing: float,
    gamma: float = 0.0,
    row_weights: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Summed loss of the labelled rows and the sum of their class weights, both scalars.

    logits (B, K); labels (B,), `MISSING` if unknown; weights (K,). Label smoothing: arXiv 1512.00567. gamma > 0: focal
    loss (arXiv 1708.02002), the cross-entropy of a row times (1 - p of its class)^gamma. The paper's alpha is the
    class weight, and the returned weight is the same as for cross-entropy. row_weights (B,): factors of the rows'
    losses, which the returned weight leaves out, too.
    """
    logits = logits if logits.dtype == torch.double else logits.float()
    weights = weights.to(logits.dtype)
    reduction = "none" if gamma or row_weights is not None else "sum"
    summed = functional.cross_entropy(
        logits, labels, weights, ignore_index=MISSING, label_smoothing=smoothing, reduction=reduction
    )
    known = labels != MISSING  # used as a weight of 0 or 1, because selecting rows would make a GPU wait
    classes = torch.where(known, labels, 0)
    if gamma:
        # log(1 - p) comes from the logits of the other classes: 1 - p itself can round to 0 and then has no gradient
        others = logits.scatter(1, classes[:, None], -torch.inf).logsumexp(1)
        summed = torch.exp(gamma * (others - logits.logsumexp(1))) * summed
    summed = (summed if row_weights is None else summed * row_weights.to(summed.dtype)).sum()
    return summed, (weights[classes] * known).sum()


def weighted_rows(losses: Tensor, labels: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Summed loss of the labelled rows and the sum of their class weights, from a loss per row (B,); as `head_loss`."""
    known = labels != MISSING
    row_weights = weights.to(losses.dtype)[torch.where(known, labels, 0)] * known
    return (torch.where(known, losses, 0.0) * row_weights).sum(), row_weights.sum()


class HeadLosses(nn.Module):
    """Adds up the losses of the heads, with fixed weights or with learned weights.

    Learned weights: homoscedastic uncertainty (arXiv 1705.07115) with s = log sigma^2. Weights that come from the
    config and the data are not in checkpoints, because a checkpoint must not override these.
    """

    def __init__(self, heads: tuple[HeadSpec, ...], config: AnyLoss) -> None:
        """Raises RequestError for heads that there are not, and for a custom loss that cannot be used."""
        super().__init__()
        _check_names(heads, config)
        self.smoothing, self.gamma = 0.0, 0.0
        self.logit_adjustment = config.logit_adjustment
        self.custom: nn.ModuleList | None = None
        """A module of each head where the loss is a custom one."""
        if config.kind in LOSSES:
            self.custom = nn.ModuleList(_of_rows(config, head) for head in heads)
        else:
            assert isinstance(config, LossConfig), f"no loss of kind {config.kind}"
            self.smoothing = config.label_smoothing
            self.gamma = config.gamma if config.kind == "focal" else 0.0
        self.head_weights: Tensor
        kinds = config.class_weights
        # No buffers: trainer.precision=bf16-true would round them, and a window's labels are counted by them.
        self._class_weights = [
            class_weights(head.counts, kinds if isinstance(kinds, str) else kinds.get(head.name, "none"))
            for head in heads
        ]
        self._adjustments = [config.logit_adjustment * log_shares(head.counts) for head in heads]
        weights = [config.head_weights.get(head.name, 1.0) for head in heads]
        self.register_buffer("head_weights", torch.tensor(weights), persistent=False)
        self.log_variance = nn.Parameter(torch.zeros(len(heads))) if config.head_weighting == "uncertainty" else None

    def of_head(
        self, index: int, logits: Tensor, labels: Tensor, adjusted: bool = False, row_weights: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """`head_loss` with this head's class weights, smoothing and gamma, or the same sums of a custom loss.

        adjusted: of training, for which the logits are adjusted by `logit_adjustment` (arXiv 2007.07314, formula 10);
        scores and validation use them as they are.
        """
        if adjusted and self.logit_adjustment:
            logits = logits if logits.dtype == torch.double else logits.float()
            logits = logits + self._on_device(self._adjustments, index).to(logits.dtype)
        if self.custom is not None:
            logits = logits if logits.dtype == torch.double else logits.float()
            losses = self.custom[index](logits, torch.where(labels == MISSING, 0, labels))
            losses = losses if row_weights is None else losses * row_weights.to(losses.dtype)
            return weighted_rows(losses, labels, self.of_class(index))
        return head_loss(logits, labels, self.of_class(index), self.smoothing, self.gamma, row_weights)

    def window_weight(self, index: int, counts: Tensor) -> Tensor:
        """Weight of all labels of an accumulation window, from its counts (K,)."""
        return (self.of_class(index) * counts).sum()

    def forward(self, losses: Tensor, shares: Tensor) -> Tensor:
        """Weighted total of the heads' losses (H,). shares (H,): this batch's share of the window's label weight."""
        weighted = self.head_weights * losses
        if self.log_variance is None:
            return weighted.sum()
        return (torch.exp(-self.log_variance) * weighted + shares * self.log_variance / 2).sum()

    @torch.no_grad()
    def of_epoch(self, means: Tensor, known: Tensor) -> Tensor:
        """Total of the heads' mean losses (H,), weighted as in training, over the heads that are `known` (H,) bool."""
        device = self.head_weights.device
        total: Tensor = self(torch.where(known, means, 0.0).float().to(device), known.float().to(device))
        return total

    def of_class(self, index: int) -> Tensor:
        """Weights of a head's classes (K,)."""
        return self._on_device(self._class_weights, index)

    def _on_device(self, tensors: list[Tensor], index: int) -> Tensor:
        """The tensor of a head, moved to the device of the losses once."""
        tensors[index] = tensors[index].to(self.head_weights.device)
        return tensors[index]


@LOSSES.register("custom")
def _custom(config: CustomLoss, num_classes: int) -> nn.Module:
    module: nn.Module = make("loss", config.node, reduction="none", num_classes=num_classes)
    return module


def _of_rows(config: AnyLoss, head: HeadSpec) -> nn.Module:
    """The loss module of a head. Raises RequestError unless it gives a loss per row."""
    module: nn.Module = LOSSES[config.kind](config, head.num_classes)
    problem = ""
    try:
        with torch.no_grad():
            losses = module(torch.zeros(2, head.num_classes), torch.tensor([0, head.num_classes - 1]))
        if not isinstance(losses, Tensor) or losses.shape != (2,):
            problem = f"gives {tuple(losses.shape) if isinstance(losses, Tensor) else type(losses).__name__}"
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        problem = f"fails ({str(error).splitlines()[0] if str(error) else type(error).__name__})"
    if problem:
        problem += f" for logits (2, {head.num_classes}) and labels (2,); it has to give a loss per row, (2,)"
        if isinstance(config, CustomLoss):
            remedy = "loss._target_=torch.nn.CrossEntropyLoss"
            raise RequestError(Mistake("loss._target_", problem, remedy, config.target))
        raise RequestError(Mistake("loss", problem, "loss=default", config.kind))
    return module


def _check_names(heads: tuple[HeadSpec, ...], config: AnyLoss) -> None:
    names = [head.name for head in heads]
    named: dict[str, Mapping[str, object]] = {"loss.head_weights": config.head_weights}
    if not isinstance(config.class_weights, str):
        named["loss.class_weights"] = config.class_weights
    mistakes = []
    for key, given in named.items():
        corrected = {nearest(name, names): value for name, value in given.items()}
        corrected.pop(None, None)
        remedy = quoted(key, corrected) if corrected else ""
        mistakes += [
            Mistake(key, f"no head {name!r}; the data has {listed(names)}", remedy)
            for name in given
            if name not in names
        ]
    if mistakes:
        raise RequestError(mistakes)
