"""What every task shares: optimizer, schedule, seeds per batch, and one place where epoch metrics are logged.

A subclass computes losses and updates its metrics. This class decides when they are logged (once per validation, train
and val together). It keeps the training metric of an unfinished epoch in the checkpoint, so that a resumed run reports
the same means.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lab.config.schema import OptimizerConfig, SchedulerConfig
from lab.models.metrics import EpochMetric
from lab.models.optimizer import adamw, multiplier, parameter_groups, schedule
from lab.models.text.interfaces import TextEncoder


@dataclass(frozen=True)
class Training:
    """How a task is trained.

    epoch_ends: the optimizer step at which each epoch has ended, the last one the run's end.
    """

    optimizer: OptimizerConfig
    scheduler: SchedulerConfig
    epoch_ends: tuple[int, ...]
    seed: int


class TaskModule(pl.LightningModule, ABC):
    """A task. Subclasses give `metrics`, `freezable`, `loss` and the three steps."""

    metrics: dict[str, EpochMetric]
    """Of `train`, `val` and `test`. Not modules of the model: their states are no weights."""

    def __init__(self, training: Training) -> None:
        super().__init__()
        self.training_plan = training

    @abstractmethod
    def freezable(self) -> tuple[list[nn.Module], list[nn.Module]]:
        """Embedding modules, and the encoder's layers from the input up."""

    def frozen_base_parameters(self) -> list[nn.Parameter]:
        """Parameters that never train, whatever is frozen or thawed."""
        return []

    @abstractmethod
    def loss(self, batch: Any) -> Tensor:
        """The batch's part of its accumulation window's loss: the parts of a window add up. Updates no metric."""

    def make_optimizer(self) -> Optimizer:
        embeddings, layers = self.freezable()
        plan = self.training_plan
        held = {id(parameter) for parameter in self.frozen_base_parameters()}
        parameters = [parameter for parameter in self.parameters() if id(parameter) not in held]
        return adamw(parameter_groups(parameters, embeddings, layers, plan.optimizer), plan.optimizer, self.device)

    def configure_optimizers(self) -> Any:
        optimizer = self.make_optimizer()
        plan = self.training_plan
        scheduler = schedule(optimizer, plan.scheduler, plan.epoch_ends)  # type: ignore[arg-type]
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """A pinned batch is copied while the GPU computes; Lightning asks for that for bare tensors only."""
        return batch.to(device, non_blocking=device.type == "cuda")

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Dropout is a function of (seed, epoch, batch): no generator state has to survive a kill."""
        seed = self.training_plan.seed * 1_000_003 + self.current_epoch * 10_007_999 + batch_idx
        torch.default_generator.manual_seed(
            seed
        )  # torch.manual_seed writes stack traces for devices that are not there
        if self.device.type == "cuda":
            torch.cuda.manual_seed_all(seed)

    def on_train_epoch_start(self) -> None:
        self.metrics["train"].reset()

    def on_validation_epoch_start(self) -> None:
        self.metrics["val"].reset()

    def on_validation_epoch_end(self) -> None:
        """One row for all loggers: the epoch's training and validation metrics and the rate."""
        if self.trainer.sanity_checking:
            return
        splits = ("train", "val") if self.trainer.state.fn == "fit" else ("val",)
        for split in splits:
            scores = self.metrics[split].compute()
            self.log_dict({f"{split}/{name}": value for name, value in scores.items()}, batch_size=1)
        if self.trainer.state.fn == "fit":
            self.log("lr", self.last_rate(), batch_size=1)

    def last_rate(self) -> float:
        """The full rate, before layer-wise decay, of the last optimizer step done (the optimizer holds the next)."""
        plan, done = self.training_plan, self.trainer.global_step - 1
        return plan.optimizer.lr * multiplier(done, plan.scheduler, plan.epoch_ends[-1], plan.epoch_ends)

    def on_test_epoch_start(self) -> None:
        self.metrics["test"].reset()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["train_tally"] = self.metrics["train"].state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.metrics["train"].restore(checkpoint["train_tally"])


class TextTaskModule(TaskModule):
    """A task over an encoder of texts, whatever it makes of them: what freezing and adapters act on is the encoder."""

    encoder: TextEncoder

    def freezable(self) -> tuple[list[nn.Module], list[nn.Module]]:
        return self.encoder.embeddings, self.encoder.layers

    def frozen_base_parameters(self) -> list[nn.Parameter]:
        return self.encoder.frozen_base_parameters()
