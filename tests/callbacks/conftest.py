"""A small module with embeddings and layers, and trainers without loggers, files or bars."""

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

NUM_BATCHES, BATCH_SIZE, WIDTH = 4, 8, 6


class Tiny(LightningModule):
    """Embedding, three layers with dropout, a head. Records what it saw; `script` gives the logged val scores."""

    def __init__(
        self, script: dict[str, list[float]] | None = None, lr: float = 0.1, weight_decay: float = 0.5
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, WIDTH)
        self.layers = nn.ModuleList(nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.Dropout(0.5)) for _ in range(3))
        self.head = nn.Linear(WIDTH, 1)
        self.script, self.lr, self.weight_decay = script or {}, lr, weight_decay
        self.modes: list[list[bool]] = []

    def freezable(self) -> tuple[list[nn.Module], list[nn.Module]]:
        return [self.embedding], list(self.layers)

    def loss(self, batch: Any) -> torch.Tensor:
        hidden = self.embedding(batch[0]).mean(dim=1)
        for layer in self.layers:
            hidden = hidden + layer(hidden)
        return (self.head(hidden).squeeze(-1) - batch[1]).pow(2).mean()

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        self.modes.append([part.training for part in (self.embedding, *(layer[1] for layer in self.layers), self.head)])
        return self.loss(batch) * self.trainer.accumulate_grad_batches

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.log("val/loss", self.loss(batch), batch_size=BATCH_SIZE)

    def on_validation_epoch_end(self) -> None:
        for name, values in self.script.items():
            self.log(name, values[self.current_epoch])

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.lr, weight_decay=self.weight_decay)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0 / (step + 1))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


@pytest.fixture
def tiny() -> type[Tiny]:
    torch.manual_seed(0)
    return Tiny


@pytest.fixture
def loader() -> DataLoader[Any]:
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(10, (NUM_BATCHES * BATCH_SIZE, 5), generator=generator)
    return DataLoader(TensorDataset(ids, ids.float().mean(dim=1)), batch_size=BATCH_SIZE)


@pytest.fixture
def fit(loader: DataLoader[Any], tmp_path: Any) -> Callable[..., Trainer]:
    """fit(module, *callbacks, max_epochs=3, ckpt_path=None, **trainer arguments) -> the trainer, after its fit."""

    def run(module: LightningModule, *callbacks: Any, ckpt_path: str | None = None, **options: Any) -> Trainer:
        settings: dict[str, Any] = {
            "max_epochs": 3, "accelerator": "cpu", "logger": False, "enable_checkpointing": False,
            "enable_model_summary": False, "num_sanity_val_steps": 0, "enable_progress_bar": False,
            "default_root_dir": tmp_path,
        }  # fmt: skip
        batches, val_batches = options.pop("batches", loader), options.pop("val_batches", loader)
        trainer = Trainer(**(settings | options), callbacks=list(callbacks))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*does not have many workers.*")
            warnings.filterwarnings("ignore", ".*checkpoint that ended before the epoch ended.*")
            trainer.fit(module, batches, val_batches, ckpt_path=ckpt_path)
        return trainer

    return run
