"""Lion (arXiv 2302.06675, algorithm 2): the update is the sign of the momentum interpolated with the gradient.

With momentum m, gradient g, rate r, weight decay w and betas (b1, b2), for each parameter p:

    p <- p - r * (sign(b1 * m + (1 - b1) * g) + w * p)
    m <- b2 * m + (1 - b2) * g

It has one state per parameter, half of AdamW's. Computed for all parameters of a group at once (foreach).
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class Lion(Optimizer):
    """Lion with decoupled weight decay. Parameters without a gradient are left as they are."""

    def __init__(
        self, params: Iterable[Any], lr: float, betas: tuple[float, float] = (0.9, 0.99), weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step; with a closure, its loss."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            trained = [parameter for parameter in group["params"] if parameter.grad is not None]
            if trained:
                gradients = [parameter.grad for parameter in trained]
                self._update(trained, gradients, group["lr"], group["betas"], group["weight_decay"])
        return loss

    def _update(
        self, parameters: list[Tensor], gradients: list[Tensor], lr: float, betas: tuple[float, float], decay: float
    ) -> None:
        for parameter in parameters:
            if "exp_avg" not in self.state[parameter]:
                self.state[parameter]["exp_avg"] = torch.zeros_like(parameter)
        averages = [self.state[parameter]["exp_avg"] for parameter in parameters]
        updates = torch._foreach_lerp(averages, gradients, 1 - betas[0])
        torch._foreach_sign_(updates)
        torch._foreach_mul_(parameters, 1 - lr * decay)
        torch._foreach_add_(parameters, updates, alpha=-lr)
        torch._foreach_lerp_(averages, gradients, 1 - betas[1])
