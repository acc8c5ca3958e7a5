"""A module and a data module as projects made from lightning-hydra-template have them: partial optimizer and scheduler,
a net as an argument, hyperparameters that no checkpoint can hold without pickling, metrics of torchmetrics."""

from typing import Any

import torch
from lightning import Callback, LightningDataModule, LightningModule
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset, random_split
from torchmetrics import MaxMetric
from torchmetrics.classification import Accuracy


class DenseNet(nn.Module):
    def __init__(self, input_size: int = 64, lin1_size: int = 32, output_size: int = 10) -> None:
        super().__init__()
        self.model = nn.Sequential(
            nn.Linear(input_size, lin1_size), nn.BatchNorm1d(lin1_size), nn.ReLU(), nn.Dropout(0.2),
            nn.Linear(lin1_size, output_size),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.model(x.flatten(1))
        return result


class DigitsDataModule(LightningDataModule):
    def __init__(self, num_rows: int = 400, batch_size: int = 32, num_workers: int = 0) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)

    def setup(self, stage: str | None = None) -> None:
        random, size = torch.Generator().manual_seed(0), self.hparams["num_rows"]
        patterns = torch.randn(10, 8, 8, generator=random)
        labels = torch.randint(0, 10, (size,), generator=random)
        images = patterns[labels] + torch.randn(size, 8, 8, generator=random)
        rows = TensorDataset(images, labels)
        parts = [int(size * 0.8), int(size * 0.1), int(size * 0.1)]
        self.train, self.val, self.test = random_split(rows, parts, torch.Generator().manual_seed(42))

    def train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.train, self.hparams["batch_size"], True, num_workers=self.hparams["num_workers"])

    def val_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.val, 100)

    def test_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.test, 100)


class DigitsModule(LightningModule):
    def __init__(self, net: nn.Module, optimizer: Any, scheduler: Any = None, compile: bool = False) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)
        self.net, self.criterion = net, nn.CrossEntropyLoss()
        self.train_acc, self.val_acc, self.test_acc = (Accuracy(task="multiclass", num_classes=10) for _ in range(3))
        self.val_acc_best = MaxMetric()

    def step(self, batch: Any) -> tuple[Tensor, Tensor, Tensor]:
        logits = self.net(batch[0])
        return self.criterion(logits, batch[1]), logits.argmax(1), batch[1]

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        loss, predicted, labels = self.step(batch)
        self.train_acc(predicted, labels)
        self.log("train/loss", loss, on_step=False, on_epoch=True, prog_bar=True)
        self.log("train/acc", self.train_acc, on_step=False, on_epoch=True, prog_bar=True)
        return loss

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        loss, predicted, labels = self.step(batch)
        self.val_acc(predicted, labels)
        self.log("val/loss", loss, on_step=False, on_epoch=True)
        self.log("val/acc", self.val_acc, on_step=False, on_epoch=True)

    def on_validation_epoch_end(self) -> None:
        self.val_acc_best(self.val_acc.compute())
        self.log("val/acc_best", self.val_acc_best.compute(), sync_dist=True)

    def test_step(self, batch: Any, batch_idx: int) -> None:
        loss, predicted, labels = self.step(batch)
        self.test_acc(predicted, labels)
        self.log("test/loss", loss, on_step=False, on_epoch=True)
        self.log("test/acc", self.test_acc, on_step=False, on_epoch=True)

    def configure_optimizers(self) -> Any:
        optimizer = self.hparams["optimizer"](params=self.trainer.model.parameters())
        if self.hparams["scheduler"] is None:
            return {"optimizer": optimizer}
        scheduler = self.hparams["scheduler"](optimizer=optimizer)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "monitor": "val/loss"}}


class FixedRate(torch.optim.Optimizer):
    """An optimizer without a rate that could be set."""

    def __init__(self, params: Any) -> None:
        super().__init__(params, {})


class Quiet(Callback):
    """A callback that takes no argument."""
