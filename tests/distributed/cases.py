"""Small trainings, each run by one process and by several: `CASE(number, folder)` gives plain values to be compared.

`data.batch_size` is of one process, so a case divides its global batch by the number of processes.
"""

import hashlib
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from lab.callbacks.gradient_accumulation import GradientAccumulation, accumulation, epoch_ends
from lab.config.schema import AdamW, LossConfig, SchedulerConfig
from lab.core.batches import MISSING, HeadSpec, TextSpec
from lab.data.dataloader import TokenRows
from lab.data.datamodule import DataModule
from lab.models.classifier import Classifier, predictions
from lab.models.task_module import Training
from lab.models.text.interfaces import BagEncoder
from lab.models.text.multitask_classifier import MultitaskTextClassifier
from lab.training.evaluation.classification import classification_result

GLOBAL_BATCH = 8
HEADS = (HeadSpec("modo", ("a", "b", "c"), (20, 10, 5)), HeadSpec("causa", ("x", "y"), (10, 5)))
ROWS = {"train": 41, "val": 17, "test": 9}
"""Odd numbers: the last batch of each split has one row, so that a second process has none."""


class Loading:
    """The settings of `data` that a data module reads."""

    def __init__(self, number: int) -> None:
        self.batch_size = self.eval_batch_size = GLOBAL_BATCH // number
        self.num_workers, self.persistent_workers = 0, False


class Epochs(pl.Callback):
    """Keeps the scores of each validation, and a digest of all weights."""

    def __init__(self) -> None:
        self.scores: list[dict[str, float]] = []
        self.weights: list[str] = []

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.scores.append({name: float(value) for name, value in trainer.callback_metrics.items()})
        self.weights.append(digest(pl_module))


def digest(model: nn.Module) -> str:
    parts = [parameter.detach().numpy().tobytes() for parameter in model.parameters()]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def training(ends: tuple[int, ...], seed: int = 3) -> Training:
    optimizer = AdamW(lr=0.05, weight_decay=0.01, betas=(0.9, 0.999), eps=1e-8, layer_decay=1.0,
                      head_lr=None, fused="auto")  # fmt: skip
    scheduler = SchedulerConfig(kind="linear", warmup_ratio=0.1, warmup_steps=None, step_epochs=1, gamma=0.1)
    return Training(optimizer, scheduler, ends, seed)


def fitted(
    model: pl.LightningModule, data: pl.LightningDataModule, number: int, epochs: int, *callbacks: pl.Callback,
    **options: Any,
) -> tuple[pl.Trainer, dict[str, Any]]:  # fmt: skip
    """The trainer after the fit and the test, and what is compared of any model."""
    kept = Epochs()
    trainer = pl.Trainer(
        accelerator="cpu", devices=number, strategy="ddp" if number > 1 else "auto", max_epochs=epochs, logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
        use_distributed_sampler=False, callbacks=[*callbacks, kept], **options,
    )  # fmt: skip
    trainer.fit(model, data)
    (test,) = trainer.test(model, data, verbose=False) or [{}]
    found = {"epochs": kept.scores, "weights": kept.weights, "steps": trainer.global_step, "logged": test}
    return trainer, found


class MeanEmbedding(BagEncoder):
    """The mean of the word vectors, then one layer."""

    def __init__(self) -> None:
        super().__init__()
        self.dimension = 8
        self.words = nn.Embedding(20, 8)
        self.lower, self.upper = (nn.Sequential(nn.Linear(8, 8), nn.Tanh()) for _ in range(2))

    @property
    def embeddings(self) -> list[nn.Module]:
        return [self.words]

    @property
    def layers(self) -> list[nn.Module]:
        return [self.lower, self.upper]

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        share = mask.float() / mask.sum(1, keepdim=True)
        pooled: Tensor = self.upper(self.lower((self.words(ids) * share[..., None]).sum(1)))
        return pooled

    def save_architecture(self, folder: Path) -> None:
        raise AssertionError("never saved in these tests")


class TokensInMemory:
    """Token ids of random texts."""

    def __init__(self, num_rows: int) -> None:
        random = np.random.default_rng(num_rows)
        self.rows = [random.integers(1, 20, random.integers(2, 9)).astype(np.int32) for _ in range(num_rows)]
        self.lengths = np.array([len(row) for row in self.rows], dtype=np.int32)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, row: int) -> Any:
        return self.rows[row]


class Texts(DataModule[TokenRows]):
    """Random texts with two label columns; most labels of the second are missing."""

    spec = TextSpec(HEADS, 20, 0, 9)

    def __init__(self, number: int, at: Callable[[int], int]) -> None:
        super().__init__("texts", "abc", Loading(number), at, seed=7, pin_memory=False)  # type: ignore[arg-type]
        self.num_ranks = number

    @property
    def facts(self) -> dict[str, object]:
        return {}

    def summary(self) -> str:
        return "texts"

    def make_rows(self, split: str) -> TokenRows:
        num = ROWS[split]
        random = np.random.default_rng(num)
        labels = {"modo": random.integers(0, 3, num), "causa": random.integers(0, 2, num)}
        labels["causa"][random.random(num) < 0.7] = MISSING
        return TokenRows(TokensInMemory(num), labels, HEADS, pad_id=0)  # type: ignore[arg-type]

    def lengths(self, split: str) -> npt.NDArray[np.int32]:
        return self.rows[split].tokens.lengths


def text_module(data: Texts, epochs: int, batches: int, schedule: Mapping[int, int], **changes: object) -> Any:
    plain = {"head_weights": {"causa": 0.5}, "label_smoothing": 0.1, "class_weights": "balanced",
             "head_weighting": "uncertainty", "kind": "cross_entropy", "gamma": 2.0}  # fmt: skip
    torch.manual_seed(0)
    data.setup("fit")
    plan = training(epoch_ends(data.num_batches(), epochs, batches, schedule))
    encoder, loss = MeanEmbedding(), LossConfig.model_validate(plain | changes)
    return MultitaskTextClassifier(data.spec, encoder, None, loss, 0.0, plan)


def tested(model: Classifier, data: DataModule[Any], labels: Mapping[str, Any]) -> dict[str, Any]:
    """The result of the test that has just run, of all processes."""
    rows, probabilities = predictions(model.test_outputs)
    result = classification_result(
        model.head_metric("test"), probabilities, {name: column[rows] for name, column in labels.items()},
        model.head_specs, {"row": rows.numpy()},
    )  # fmt: skip
    return {
        "test": result.metrics,
        "rows": rows.tolist(),
        "probabilities": [table.tolist() for table in probabilities],
        "counts": {name: counts.tolist() for name, counts in result.counts.items()},
    }


def text(number: int, folder: Path) -> dict[str, Any]:
    """Two heads, most labels of one missing, windows of three batches and then of two, clipped gradients."""
    schedule = {1: 2}

    def at(epoch: int) -> int:
        return accumulation(epoch, 3, schedule)

    data = Texts(number, at)
    model = text_module(data, 3, 3, schedule)
    _, found = fitted(model, data, number, 3, GradientAccumulation(3, schedule), gradient_clip_val=1.0)
    return found | tested(model, data, data.rows["test"].labels)


warnings.simplefilter("error")
for message in (
    ".*does not have many workers.*", ".*smaller than the logging interval.*", ".*LeafSpec.*",
    "You have overridden `transfer_batch_to_device`",
):  # fmt: skip
    warnings.filterwarnings("ignore", message)
