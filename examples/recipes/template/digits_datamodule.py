"""A LightningDataModule in the form of lightning-hydra-template's MNISTDataModule, on generated images of 8 x 8."""

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, TensorDataset, random_split


class DigitsDataModule(LightningDataModule):
    """A pattern per digit, and noise."""

    def __init__(self, train_val_test_split: list[int], batch_size: int = 64, num_workers: int = 0) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)
        self.parts: list[Dataset[tuple[Tensor, ...]]] = []

    def setup(self, stage: str | None = None) -> None:
        if not self.parts:
            dice, sizes = torch.Generator().manual_seed(42), self.hparams["train_val_test_split"]
            labels = torch.randint(10, (sum(sizes),), generator=dice)
            images = torch.randn(10, 64, generator=dice)[labels] + 2 * torch.randn(sum(sizes), 64, generator=dice)
            self.parts = [*random_split(TensorDataset(images, labels), sizes, generator=dice)]

    def _loader(self, part: int) -> DataLoader[tuple[Tensor, ...]]:
        options = {"batch_size": self.hparams["batch_size"], "num_workers": self.hparams["num_workers"]}
        return DataLoader(self.parts[part], shuffle=part == 0, **options)

    def train_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        return self._loader(0)

    def val_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        return self._loader(1)

    def test_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        return self._loader(2)
