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


def row_losses(logits: Tensor, labels: Tensor, weights: Tensor, smoothing: float, gamma: float = 0.0) -> Tensor:
    """Loss of each row (B,) times its class weight, 0 where the label is unknown.

    logits (B, K); labels (B,), `MISSING` if unknown; weights (K,). Label smoothing: arXiv 1512.00567. gamma > 0: focal
    loss (arXiv 1708.02002), the cross-entropy of a row times (1 - p of its class)^gamma. The paper's alpha is the
    class weight.
    """
    logits = logits if logits.dtype == torch.double else logits.float()
    losses = functional.cross_entropy(
        logits, labels, weights.to(logits.dtype), ignore_index=MISSING, label_smoothing=smoothing, reduction="none"
    )
    if gamma:
        # log(1 - p) comes from the logits of the other classes: 1 - p itself can round to 0 and then has no gradient
        classes = torch.where(labels == MISSING, 0, labels)
        others = logits.scatter(1, classes[:, None], -torch.inf).logsumexp(1)
        losses = torch.exp(gamma * (others - logits.logsumexp(1))) * losses
    return losses


def label_weights(labels: Tensor, weights: Tensor) -> Tensor:
    """The class weight of each row (B,), 0 where the label is unknown. labels (B,); weights (K,)."""
    known = labels != MISSING  # used as a weight of 0 or 1, because selecting rows would make a GPU wait
    return weights[torch.where(known, labels, 0)] * known


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

    def of_head(self, index: int, logits: Tensor, labels: Tensor, adjusted: bool = False) -> tuple[Tensor, Tensor]:
        """Summed loss of the labelled rows of a head and the sum of their class weights, both scalars."""
        losses, weight = self.of_rows(index, logits, labels, adjusted)
        return losses.sum(), weight

    def of_rows(self, index: int, logits: Tensor, labels: Tensor, adjusted: bool = False) -> tuple[Tensor, Tensor]:
        """`row_losses` with this head's class weights, smoothing and gamma, or those of a custom loss (B,), and the sum
        of the class weights.

        adjusted: of training, for which the logits are adjusted by `logit_adjustment` (arXiv 2007.07314, formula 10);
        scores and validation use them as they are.
        """
        logits = logits if logits.dtype == torch.double else logits.float()
        if adjusted and self.logit_adjustment:
            logits = logits + self._on_device(self._adjustments, index).to(logits.dtype)
        of_class = self.of_class(index).to(logits.dtype)
        weights = label_weights(labels, of_class)
        if self.custom is None:
            return row_losses(logits, labels, of_class, self.smoothing, self.gamma), weights.sum()
        losses = self.custom[index](logits, torch.where(labels == MISSING, 0, labels))
        return torch.where(labels == MISSING, 0.0, losses) * weights, weights.sum()

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
