"""A callback and a metric of one's own, named by `_target_`.

python train.py 'plugins=[examples.plugins.gradient_norm]' \
    +callbacks.extra.norm._target_=examples.plugins.gradient_norm.GradientNorm +callbacks.extra.norm.every_n_steps=20 \
    +metrics.extra.top2._target_=examples.plugins.gradient_norm.TopTwo
"""

from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torchmetrics import Metric


class GradientNorm(pl.Callback):
    """Logs `train/gradient_norm`, the norm of all gradients before they are clipped, every n optimizer steps."""

    def __init__(self, every_n_steps: int = 50) -> None:
        self.every_n_steps = every_n_steps

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Only at every n-th step: the norm reads all gradients."""
        if trainer.global_step % self.every_n_steps == 0:
            gradients = [parameter.grad for parameter in pl_module.parameters() if parameter.grad is not None]
            pl_module.log("train/gradient_norm", nn.utils.get_total_norm(gradients))


class TopTwo(Metric):
    """Share of rows whose class is among the two most probable ones."""

    higher_is_better = True
    hits: Tensor
    rows: Tensor

    def __init__(self, ignore_index: int = -100, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ignore_index = ignore_index
        self.add_state("hits", torch.tensor(0), "sum")
        self.add_state("rows", torch.tensor(0), "sum")

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Take probabilities (B, K) and classes (B,); rows of `ignore_index` have no label."""
        known = target != self.ignore_index
        best = preds.topk(min(2, preds.shape[1]), dim=1).indices
        self.hits += ((best == target[:, None]).any(1) & known).sum()
        self.rows += known.sum()

    def compute(self) -> Tensor:
        """The share, 0 to 1; NaN without any row."""
        return self.hits / self.rows
