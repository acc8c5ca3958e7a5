"""The base of all tasks: optimizer, schedule, a seed per batch, and logging of the epoch's metrics.

A subclass computes losses and updates its metrics. This class logs them once per validation, train and val together.
The training metric of an unfinished epoch is in the checkpoint, so a resumed run reports the same means.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lab.config.schema import OptimizerConfig, SchedulerConfig
from lab.core.batches import QuestionBatch, TextBatch
from lab.models.metrics import EpochMetric
from lab.models.optimizer import adamw, multiplier, parameter_groups, schedule
from lab.models.text.interfaces import TextEncoder


@dataclass(frozen=True)
class Training:
    """How a task is trained.

    epoch_ends: the optimizer step at which each epoch has ended; the last is the end of the run.
    """

    optimizer: OptimizerConfig
    scheduler: SchedulerConfig
    epoch_ends: tuple[int, ...]
    seed: int


class TaskModule(pl.LightningModule, ABC):
    """A LightningModule for one task. Subclasses define `metrics`, `freezable`, `loss` and the three steps."""

    metrics: dict[str, EpochMetric]
    """By split: `train`, `val` and `test`. A dict keeps them out of the module's state, because they are no weights."""

    def __init__(self, training: Training) -> None:
        super().__init__()
        self.training_plan = training

    @abstractmethod
    def freezable(self) -> tuple[list[nn.Module], list[nn.Module]]:
        """The embedding modules, and the encoder's layers from the input up."""

    def frozen_base_parameters(self) -> list[nn.Parameter]:
        """Parameters that never train, whichever layers are frozen."""
        return []

    @abstractmethod
    def loss(self, batch: Any) -> Tensor:
        """The batch's part of the loss of its accumulation window: the parts add up. No metric is updated."""

    def make_optimizer(self) -> Optimizer:
        """AdamW over all parameters except those that never train."""
        embeddings, layers = self.freezable()
        plan = self.training_plan
        excluded = {id(parameter) for parameter in self.frozen_base_parameters()}
        parameters = [parameter for parameter in self.parameters() if id(parameter) not in excluded]
        return adamw(parameter_groups(parameters, embeddings, layers, plan.optimizer), plan.optimizer, self.device)

    def configure_optimizers(self) -> Any:
        optimizer = self.make_optimizer()
        plan = self.training_plan
        scheduler = schedule(optimizer, plan.scheduler, plan.epoch_ends)  # type: ignore[arg-type]
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Copy a pinned batch while the GPU computes. Lightning does so for plain tensors only."""
        return batch.to(device, non_blocking=device.type == "cuda")

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Seed dropout from (seed, epoch, batch), so that a resumed run needs no saved generator state."""
        seed = self.training_plan.seed * 1_000_003 + self.current_epoch * 10_007_999 + batch_idx
        # torch.manual_seed would write stack traces for devices that are not there
        torch.default_generator.manual_seed(seed)
        if self.device.type == "cuda":
            torch.cuda.manual_seed_all(seed)

    def on_train_epoch_start(self) -> None:
        self.metrics["train"].reset()

    def on_validation_epoch_start(self) -> None:
        self.metrics["val"].reset()

    def on_validation_epoch_end(self) -> None:
        """Log the epoch's training and validation metrics and the learning rate together, as one row."""
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
    """A task with a text encoder. Freezing and adapters act on the encoder."""

    encoder: TextEncoder

    def freezable(self) -> tuple[list[nn.Module], list[nn.Module]]:
        return self.encoder.embeddings, self.encoder.layers

    def frozen_base_parameters(self) -> list[nn.Parameter]:
        return self.encoder.frozen_base_parameters()

    def encoder_mask(self, batch: TextBatch | QuestionBatch) -> Tensor | None:
        """The mask (B, L) for the encoder; None if the batch has no padding and the encoder takes no mask."""
        return None if batch.whole and self.encoder.takes_no_mask else batch.mask
