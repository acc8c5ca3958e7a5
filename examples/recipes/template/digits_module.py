"""A LightningModule in the form of lightning-hydra-template's MNISTLitModule, which knows nothing of lab.

A net, a partial optimizer and a partial scheduler are its arguments, as in the template.
"""

from collections.abc import Callable
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torchmetrics import MaxMetric, MeanMetric
from torchmetrics.classification import MulticlassAccuracy

Batch = tuple[Tensor, Tensor]


class SimpleDenseNet(nn.Module):
    """Pixels (rows, input_size) to logits (rows, output_size)."""

    def __init__(self, input_size: int = 64, lin1_size: int = 64, output_size: int = 10) -> None:
        super().__init__()
        self.model = nn.Sequential(
            nn.Linear(input_size, lin1_size), nn.BatchNorm1d(lin1_size), nn.ReLU(), nn.Linear(lin1_size, output_size)
        )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.model(images)
        return logits


class DigitsLitModule(LightningModule):
    """Classifies images of digits."""

    def __init__(
        self, net: nn.Module, optimizer: Callable[..., torch.optim.Optimizer], scheduler: Callable[..., Any]
    ) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False, ignore=["net"])
        self.net, self.optimizer, self.scheduler = net, optimizer, scheduler
        self.criterion = nn.CrossEntropyLoss()
        self.train_loss, self.val_acc, self.test_acc = MeanMetric(), MulticlassAccuracy(10), MulticlassAccuracy(10)
        self.val_acc_best = MaxMetric()

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        loss: Tensor = self.criterion(self.net(batch[0]), batch[1])
        self.train_loss(loss)
        self.log("train/loss", self.train_loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        logits = self.net(batch[0])
        self.val_acc(logits, batch[1])
        self.log("val/loss", self.criterion(logits, batch[1]))
        self.log("val/acc", self.val_acc)

    def on_validation_epoch_end(self) -> None:
        self.val_acc_best(self.val_acc.compute())
        self.log("val/acc_best", self.val_acc_best.compute())

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        self.test_acc(self.net(batch[0]), batch[1])
        self.log("test/acc", self.test_acc)

    def configure_optimizers(self) -> dict[str, Any]:
        optimizer = self.optimizer(params=self.parameters())
        plan = {"scheduler": self.scheduler(optimizer=optimizer), "monitor": "val/loss", "interval": "epoch"}
        return {"optimizer": optimizer, "lr_scheduler": plan}
