"""Small trainings, each run by one process and by several: `CASE(number, folder)` gives plain values to be compared.

`data.batch_size` is of one process, so a case divides its global batch by the number of processes.
"""

import hashlib
import os
import warnings
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
import torchmetrics
from lightning.pytorch.callbacks import ModelCheckpoint
from streams import StreamedTexts
from torch import nn
from toys import GLOBAL_BATCH, ROWS, MeanEmbedding, MeanVector, Questions, Texts, Windows, net_config, texts_of

from lab.callbacks.early_stopping import EarlyStopping
from lab.callbacks.freeze import Freeze, apply
from lab.callbacks.gradient_accumulation import GradientAccumulation, accumulation, epoch_ends
from lab.callbacks.nan_guard import NanGuard
from lab.config.schema import AdamW, LossConfig, SchedulerConfig
from lab.core.errors import RunError
from lab.data.dataloader import TokenRows
from lab.models.classifier import Classifier, predictions
from lab.models.extra_metrics import Nodes
from lab.models.qa.extractive_qa import ExtractiveQA
from lab.models.qa.n_best import ranked
from lab.models.series.timer_xl.pretraining import build_pretraining
from lab.models.task_module import Training
from lab.models.text.multitask_classifier import MultitaskTextClassifier
from lab.training.build.ddp import Ddp, SyncedNorms
from lab.training.build.series_model import build_series_classifier
from lab.training.evaluation.classification import classification_result
from lab.training.tasks.custom import _share_loaders


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


def training(ends: tuple[int, ...], lr: float = 0.05) -> Training:
    optimizer = AdamW(lr=lr, weight_decay=0.01, betas=(0.9, 0.999), eps=1e-8, layer_decay=1.0,
                      head_lr=None, fused="auto")  # fmt: skip
    scheduler = SchedulerConfig(kind="linear", warmup_ratio=0.1, warmup_steps=None, step_epochs=1, gamma=0.1)
    return Training(optimizer, scheduler, ends, seed=3)


def fitted(
    model: pl.LightningModule, data: pl.LightningDataModule, number: int, epochs: int, *callbacks: pl.Callback,
    ckpt: Path | None = None, **options: Any,
) -> tuple[pl.Trainer, dict[str, Any]]:  # fmt: skip
    """The trainer after the fit and the test, and what is compared of any model."""
    kept, saves = Epochs(), any(isinstance(each, ModelCheckpoint) for each in callbacks)
    trainer = pl.Trainer(
        accelerator="cpu", devices=number, strategy=Ddp() if number > 1 else "auto", max_epochs=epochs, logger=False,
        enable_checkpointing=saves, enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
        use_distributed_sampler=False, callbacks=[*callbacks, kept], **options,
    )  # fmt: skip
    trainer.fit(model, data, ckpt_path=ckpt, weights_only=True)
    (test,) = trainer.test(model, data, verbose=False) or [{}]
    found = {"epochs": kept.scores, "weights": kept.weights, "steps": trainer.global_step, "logged": test}
    return trainer, found


def loss_config(**changes: object) -> LossConfig:
    plain = {"head_weights": {}, "label_smoothing": 0.1, "class_weights": "balanced", "head_weighting": "uncertainty",
             "kind": "cross_entropy", "gamma": 2.0}  # fmt: skip
    return LossConfig.model_validate(plain | changes)


def text_module(
    data: Texts, epochs: int, batches: int = 1, schedule: Mapping[int, int] = MappingProxyType({}),
    extra: Nodes = MappingProxyType({}),
) -> Any:  # fmt: skip
    torch.manual_seed(0)
    data.setup("fit")
    plan = replace(training(epoch_ends(data.num_batches(), epochs, batches, schedule)), extra_metrics=extra)
    loss = loss_config(head_weights={"causa": 0.5})
    return MultitaskTextClassifier(data.spec, MeanEmbedding(), None, loss, 0.0, plan)


def tested(model: Classifier, labels: Mapping[str, Any]) -> dict[str, Any]:
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
    return found | tested(model, data.rows["test"].labels)


TORCHMETRICS = "torchmetrics.classification"
EXTRA: Nodes = {
    "auroc": {"_target_": f"{TORCHMETRICS}.MulticlassAUROC"},
    "precision": {"_target_": f"{TORCHMETRICS}.MulticlassAveragePrecision", "thresholds": 20},
    "top2": {"_target_": f"{TORCHMETRICS}.MulticlassAccuracy", "top_k": 2, "average": "micro"},
    "calibration": {"_target_": f"{TORCHMETRICS}.MulticlassCalibrationError"},
    "kappa": {"_target_": f"{TORCHMETRICS}.MulticlassCohenKappa"},
}
"""Metrics that keep all rows, sums, and a matrix."""


class OneToValidate(Texts):
    """A single validation row, so that a second process has none of its own."""

    def make_rows(self, split: str) -> TokenRows:
        return texts_of(1 if split == "val" else ROWS[split])


def extra(number: int, folder: Path) -> dict[str, Any]:
    """Metrics of torchmetrics for each head, most labels of one missing, with many and with few validation rows."""
    many, few = Texts(number), OneToValidate(number)
    model = text_module(many, 2, extra=EXTRA)
    _, found = fitted(model, many, number, 2)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*samples in target.*")  # a curve of a single row
        _, scarce = fitted(text_module(few, 1, extra=EXTRA), few, number, 1)
    return found | tested(model, many.rows["test"].labels) | {"few": scarce["epochs"]}


def streamed(number: int, folder: Path) -> dict[str, Any]:
    """Shards of which each process reads its own rows: missing labels, an odd tail, windows of three batches; then the
    same run again from a checkpoint in the middle of the second epoch."""

    def start(turn: int) -> tuple[StreamedTexts, Any, GradientAccumulation]:
        rank = os.environ.get("LOCAL_RANK", "0")
        data = StreamedTexts(number, folder / f"shards-{number}-{rank}-{turn}", lambda _: 3)
        return data, text_module(data, 3, 3), GradientAccumulation(3)

    data, model, windows = start(0)
    at = folder / f"streamed-{number}"
    saved = partial(ModelCheckpoint, at, "{step}", every_n_train_steps=6, save_top_k=-1)
    _, found = fitted(model, data, number, 3, windows, saved())
    if number > 1:
        data, model, windows = start(1)
        _, again = fitted(model, data, number, 3, windows, saved(), ckpt=at / "step=6.ckpt")
        assert again["weights"] == found["weights"][1:], "resumed is uninterrupted"
    return found | tested(model, data.rows["test"].labels)


def series_module(data: Windows, epochs: int, net: str, **changes: Any) -> Any:
    torch.manual_seed(0)
    data.setup("fit")
    plan = training(epoch_ends(data.num_batches(), epochs, 1, {}), lr=0.01)
    return build_series_classifier(net_config(net, **changes), loss_config(), data.spec, plan, data.sample)


def series(number: int, folder: Path) -> dict[str, Any]:
    """An ensemble of two Timer-XL nets."""
    data = Windows(number)
    model = series_module(data, 2, "timer_xl", ensemble=2, layer_dropout=0.0)
    _, found = fitted(model, data, number, 2)
    return found | tested(model, {"class": data.rows["test"].cut.labels.astype(np.int64)})


def norms(number: int, folder: Path) -> dict[str, Any]:
    """A net with batch norms, whose statistics are of all processes."""
    data = Windows(number)
    model = series_module(data, 2, "inception_time")
    _, found = fitted(model, data, number, 2, sync_batchnorm=True, plugins=[SyncedNorms()])
    running = {name: value.tolist() for name, value in model.state_dict().items() if "running" in name}
    return found | tested(model, {"class": data.rows["test"].cut.labels.astype(np.int64)}) | {"running": running}


def pretraining(number: int, folder: Path) -> dict[str, Any]:
    """Next-patch prediction."""
    data = Windows(number)
    data.setup("fit")
    torch.manual_seed(0)
    plan = training(epoch_ends(data.num_batches(), 2, 1, {}), lr=0.01)
    model = build_pretraining(net_config("timer_xl", causal=True, layer_dropout=0.0), data.spec, plan, fresh=True)
    _, found = fitted(model, data, number, 2)
    return found | {"test": model.metrics["test"].compute()}


def questions(number: int, folder: Path) -> dict[str, Any]:
    """Questions of several windows, some without an answer, in windows of two batches."""
    data = Questions(number, lambda _: 2)
    data.setup("fit")
    data.setup("test")
    torch.manual_seed(0)
    plan = training(epoch_ends(data.num_batches(), 3, 2, {}), lr=0.02)
    model = ExtractiveQA(data.spec, MeanVector(), 0.1, 0.0, plan)
    references = {split: data.references(split) for split in ROWS}
    model.grade_against(references)
    _, found = fitted(model, data, number, 3, GradientAccumulation(2))
    best = ranked(model.test_outputs, references["test"], 3, True)
    answers = [[vars(each) for each in candidates] for candidates in best]
    return found | {"test": model.metrics["test"].compute(), "answers": answers}


def unfreezing(number: int, folder: Path) -> dict[str, Any]:
    """All layers frozen in the first epoch, one in the second, none from the third on; then the same run again, from a
    checkpoint in the middle of the third epoch, with a model that was built as for the first."""
    schedule, epochs = {0: 2, 1: 1, 2: 0}, 4

    def start() -> tuple[Texts, Any, Freeze]:
        data = Texts(number)
        model = text_module(data, epochs)
        apply(model, True, 2)
        return data, model, Freeze(schedule=schedule)

    data, model, freeze = start()
    at = folder / f"unfreezing-{number}"
    saved = partial(ModelCheckpoint, at, "{step}", every_n_train_steps=15, save_top_k=-1)
    _, found = fitted(model, data, number, epochs, freeze, saved())
    data, model, freeze = start()
    _, again = fitted(model, data, number, epochs, freeze, saved(), ckpt=at / "step=15.ckpt")
    assert again["weights"] == found["weights"][2:], "resumed is uninterrupted"
    assert again["epochs"] == found["epochs"][2:], "so are the means over the training epoch"
    return found | tested(model, data.rows["test"].labels)


class Spoilt(MultitaskTextClassifier):
    """Its loss is NaN for the batch of one row in the second epoch."""

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        loss = super().training_step(batch, batch_idx)
        return loss * torch.nan if self.current_epoch == 1 and 5 in batch.rows.tolist() else loss


def nan(number: int, folder: Path) -> dict[str, Any]:
    """A loss that is not finite in one process."""
    data = Texts(number)
    model = text_module(data, 3)
    model.__class__ = Spoilt
    try:
        fitted(model, data, number, 3, NanGuard())
    except RunError as error:
        return {"error": str(error), "kind": error.kind}
    raise AssertionError("no error")


class Disagreeing(pl.LightningModule):
    """A module that logs another score in each process, without putting them together: their mean falls from the second
    epoch on, that of the first process rises."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        return self.layer(batch).square().mean()

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            score = float(self.current_epoch) if self.global_rank == 0 else -2.0 * self.current_epoch
            self.log("val/score", score, batch_size=1)

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), 0.1)


def stopping(number: int, folder: Path) -> dict[str, Any]:
    """Early stopping where processes have different scores."""
    stop = EarlyStopping("val/score", 2, "max")
    loader = torch.utils.data.DataLoader(torch.ones(4, 1), batch_size=2)
    trainer = pl.Trainer(
        accelerator="cpu", devices=number, strategy=Ddp(), max_epochs=9, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, callbacks=[stop], num_sanity_val_steps=0,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*sync_dist=True.*")
        trainer.fit(Disagreeing(), loader, loader)
    return {"epochs": trainer.current_epoch, "best": stop.standing.best, "best_epoch": stop.best_epoch}


class Numbers(pl.LightningDataModule):
    """A data module of somebody else, as a config would name it: rows that divide for training, an odd number to
    validate on."""

    def train_dataloader(self) -> Any:
        return torch.utils.data.DataLoader(self.rows(40), batch_size=self.size, shuffle=True)

    def val_dataloader(self) -> Any:
        return torch.utils.data.DataLoader(self.rows(23), batch_size=self.size)

    def __init__(self, number: int) -> None:
        super().__init__()
        self.size = GLOBAL_BATCH // number

    def rows(self, num: int) -> Any:
        random = torch.Generator().manual_seed(num)
        inputs = torch.randn(num, 3, generator=random)
        return torch.utils.data.TensorDataset(inputs, (inputs.sum(1) > 0).long())


class Custom(pl.LightningModule):
    """A module of somebody else, which logs as Lightning's guide says."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.accuracy = torchmetrics.classification.MulticlassAccuracy(2, average="micro")

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        loss = nn.functional.cross_entropy(self.layer(batch[0]), batch[1])
        self.log("train/loss", loss, on_step=False, on_epoch=True, sync_dist=True)
        return loss

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        logits = self.layer(batch[0])
        self.log("val/loss", nn.functional.cross_entropy(logits, batch[1]), sync_dist=True)
        self.accuracy.update(logits, batch[1])
        self.log("val/accuracy", self.accuracy)

    def configure_optimizers(self) -> Any:
        return torch.optim.Adam(self.parameters(), 0.05)


def custom(number: int, folder: Path) -> dict[str, Any]:
    """A module and a data module of somebody else."""
    data = Numbers(number)
    _share_loaders(data, 3)
    torch.manual_seed(0)
    kept = Epochs()
    trainer = pl.Trainer(
        accelerator="cpu", devices=number, strategy=Ddp() if number > 1 else "auto", max_epochs=3, logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
        use_distributed_sampler=False, callbacks=[kept],
    )  # fmt: skip
    trainer.fit(Custom(), data)
    return {"epochs": kept.scores, "weights": kept.weights}


warnings.simplefilter("error")
for message in (
    ".*does not have many workers.*", ".*smaller than the logging interval.*", ".*LeafSpec.*",
    "You have overridden `transfer_batch_to_device`", ".*in eval mode at the start.*",
    "Checkpoint directory .* is not empty.*",
):  # fmt: skip
    warnings.filterwarnings("ignore", message)
