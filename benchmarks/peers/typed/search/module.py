# What both searches train: hashed words of a CSV, one layer. It knows neither lab nor Ray.
import zlib
from pathlib import Path

import pandas as pd
import torch
from lightning import LightningDataModule, LightningModule
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

BUCKETS, WORDS = 2**14, 32


class Net(LightningModule):
    def __init__(self, lr: float, classes: int = 80) -> None:
        super().__init__()
        self.lr = lr
        self.words, self.head = nn.EmbeddingBag(BUCKETS, 64, mode="sum", padding_idx=0), nn.Linear(64, classes)

    def logits(self, batch):
        return self.head(self.words(batch[0]))

    def training_step(self, batch, batch_idx):
        return nn.functional.cross_entropy(self.logits(batch), batch[1])

    def validation_step(self, batch, batch_idx):
        hits = self.logits(batch).argmax(1) == batch[1]
        self.log("val/acc", hits.float().mean(), on_epoch=True, batch_size=len(hits))

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), self.lr)


class Texts(LightningDataModule):
    def __init__(self, folder: str) -> None:
        super().__init__()
        self.folder = Path(folder)

    def loader(self, split: str, shuffle: bool) -> DataLoader:
        names = sorted(pd.read_csv(self.folder / "train.csv")["category"].unique())
        table = pd.read_csv(self.folder / f"{split}.csv")
        ids = torch.zeros(len(table), WORDS, dtype=torch.long)
        for row, text in enumerate(table["text"]):
            words = [1 + zlib.crc32(word.encode()) % (BUCKETS - 1) for word in text.lower().split()[:WORDS]]
            ids[row, : len(words)] = torch.tensor(words)
        labels = torch.tensor([names.index(name) for name in table["category"]])
        return DataLoader(TensorDataset(ids, labels), 32, shuffle=shuffle)

    def train_dataloader(self) -> DataLoader:
        return self.loader("train", True)

    def val_dataloader(self) -> DataLoader:
        return self.loader("val", False)
