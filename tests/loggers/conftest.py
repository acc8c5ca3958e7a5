"""A real, tiny fit that logs as the project's modules do: everything once a validation."""

from collections.abc import Callable
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from lab.loggers.base import Confusion, Outcome, RunLogger

BATCHES = 5


class Line(pl.LightningModule):
    """One weight, learned from 10 rows in 5 batches."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def _loss(self, batch: list[torch.Tensor]) -> torch.Tensor:
        return torch.nn.functional.mse_loss(self.layer(batch[0]), batch[0])

    def training_step(self, batch: list[torch.Tensor], _index: int) -> torch.Tensor:
        self.last = self._loss(batch)
        return self.last

    def validation_step(self, batch: list[torch.Tensor], _index: int) -> None:
        self.log_dict({"val/loss": self._loss(batch), "val/f1_macro": 0.5}, batch_size=2)

    def on_validation_epoch_end(self) -> None:
        self.log_dict({"train/loss": self.last.detach(), "lr": 0.1}, batch_size=2)

    def test_step(self, batch: list[torch.Tensor], batch_idx: int) -> None:
        self.log("test/accuracy", self._loss(batch) * 0 + 0.25, batch_size=2)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.fixture
def fit() -> Callable[..., None]:
    """`fit(loggers, epochs=3)`: train with a validation per epoch, then test in a trainer of its own, as a run does."""

    def run(loggers: list[RunLogger], epochs: int = 3) -> None:
        rows = DataLoader(TensorDataset(torch.linspace(0, 1, 2 * BATCHES).reshape(-1, 1)), batch_size=2)
        plain = {
            "accelerator": "cpu",
            "logger": loggers,
            "enable_checkpointing": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "num_sanity_val_steps": 0,
        }
        module = Line()
        pl.Trainer(max_epochs=epochs, log_every_n_steps=1, **plain).fit(module, rows, rows)
        pl.Trainer(**plain).test(module, rows, verbose=False)

    return run


@pytest.fixture
def outcome(tmp_path: Path) -> Outcome:
    best = tmp_path / "best.ckpt"
    best.write_bytes(b"weights")
    return Outcome(
        objective={"metric": "val/f1_macro", "mode": "max", "value": 0.75, "epoch": 1, "step": 9},
        test={"accuracy": 0.5, "causa/f1_macro": 0.625},
        confusions={"causa": Confusion(np.array([[3, 1], [0, 2]]), ("desgaste", "fuga"))},
        predictions={
            "text": [f"bomba {row}" for row in range(6)],
            "causa": ["fuga", None] * 3,
            "causa_probabilities": [[0.5, 0.5]] * 6,
        },
        best=best,
    )
