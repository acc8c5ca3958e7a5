"""A LightningModule and a LightningDataModule of one's own. Nothing in them knows of `lab`.

python train.py 'plugins=[examples.plugins.digits]' model=custom model._target_=examples.plugins.digits.Digits \
    data=custom data._target_=examples.plugins.digits.DigitsData data.metric=val/acc objective.mode=max model.epochs=5
"""

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset, TensorDataset
from torchmetrics.classification import MulticlassAccuracy


class DigitsData(pl.LightningDataModule):
    """Synthetic 8 x 8 digits: a pattern per class and noise."""

    def __init__(self, num_rows: int = 1000, batch_size: int = 32, noise: float = 1.5) -> None:
        super().__init__()
        self.num_rows, self.batch_size, self.noise = num_rows, batch_size, noise

    def setup(self, stage: str) -> None:
        random = torch.Generator().manual_seed(0)
        patterns = torch.randn(10, 64, generator=random)
        labels = torch.randint(10, (self.num_rows,), generator=random)
        images = patterns[labels] + self.noise * torch.randn(self.num_rows, 64, generator=random)
        self.rows = TensorDataset(images, labels)

    def _loader(self, start: float, end: float, shuffle: bool = False) -> DataLoader[tuple[Tensor, ...]]:
        part = Subset(self.rows, range(int(start * self.num_rows), int(end * self.num_rows)))
        return DataLoader(part, self.batch_size, shuffle=shuffle)

    def train_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        return self._loader(0.0, 0.8, shuffle=True)

    def val_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        return self._loader(0.8, 0.9)

    def test_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        return self._loader(0.9, 1.0)


class Digits(pl.LightningModule):
    """A small net; `lr` comes from optimizer.lr unless model.lr is given."""

    def __init__(self, lr: float, width: int = 64) -> None:
        super().__init__()
        self.lr = lr
        self.net = nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Dropout(0.1), nn.Linear(width, 10))
        self.accuracy = MulticlassAccuracy(10)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        loss = nn.functional.cross_entropy(self.net(batch[0]), batch[1])
        self.log("train/loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self.log("val/acc", self.accuracy(self.net(batch[0]), batch[1]))

    def test_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self.log("test/acc", self.accuracy(self.net(batch[0]), batch[1]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=self.lr)
