"""A module and a data module of one's own that predict: the heat of a machine from its speed and its load."""

from collections.abc import Mapping, Sequence
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

NEEDED = ("speed", "load")


class MachineData(pl.LightningDataModule):
    def _loader(self, seed: int) -> DataLoader[tuple[Tensor, ...]]:
        values = torch.rand(64, 2, generator=torch.Generator().manual_seed(seed))
        return DataLoader(TensorDataset(values, values.sum(1)), 16)

    def train_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        return self._loader(0)

    def val_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        return self._loader(1)


class Machine(pl.LightningModule):
    def __init__(self, lr: float) -> None:
        super().__init__()
        self.lr, self.net = lr, nn.Linear(2, 1)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        return nn.functional.mse_loss(self.net(batch[0])[:, 0], batch[1])

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self.log("val/loss", nn.functional.mse_loss(self.net(batch[0])[:, 0], batch[1]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=self.lr)

    def rows_to_batch(self, rows: Sequence[Mapping[str, Any]]) -> Tensor:
        return torch.tensor([[float(row[name]) for name in NEEDED] for row in rows])

    def predict_step(self, batch: Tensor, batch_idx: int) -> dict[str, Any]:
        heat = self.net(batch)[:, 0]
        return {"heat": heat, "state": ["hot" if value > 1 else "cold" for value in heat.tolist()]}
