"""The base of all tasks: optimizer, schedule, a seed per batch, and logging of the epoch's metrics.

A subclass computes losses and updates its metrics. This class logs them once per validation, train and val together.
The training metric of an unfinished epoch is in the checkpoint, so a resumed run reports the same means.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from lab.config.schema import OptimizerConfig
from lab.config.schema.node import Mode
from lab.config.schema.optimizers import AnyScheduler
from lab.core.batches import QuestionBatch, TextBatch
from lab.core.errors import RunError, listed
from lab.models.metrics import EpochMetric
from lab.models.optimizer import make_optimizer, names_without_decay, parameter_groups
from lab.models.schedules import epochs_done, is_by_epoch, make_scheduler
from lab.models.text.interfaces import TextEncoder

NEVER = 2**62
"""Epochs from one step of a schedule by Lightning to the next: it leaves the schedule alone."""


@dataclass(frozen=True)
class Training:
    """How a task is trained.

    epoch_ends: the optimizer step at which each epoch has ended; the last is the end of the run; watched: the metric
    that a schedule such as `plateau` watches, and its direction; extra_metrics: nodes of `metrics.extra`.
    """

    optimizer: OptimizerConfig
    scheduler: AnyScheduler
    epoch_ends: tuple[int, ...]
    seed: int
    watched: tuple[str, Mode] = ("val/loss", "min")
    extra_metrics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class TaskModule(pl.LightningModule, ABC):
    """A LightningModule for one task. Subclasses define `metrics`, `freezable`, `loss` and the three steps."""

    metrics: dict[str, EpochMetric]
    """By split: `train`, `val` and `test`. A dict keeps them out of the module's state, because they are no weights."""

    def __init__(self, training: Training) -> None:
        super().__init__()
        self.training_plan = training
        self._last_rate: float | None = None
        self._without_decay: frozenset[str] | None = None

    def setup(self, stage: str) -> None:
        """Keep which parameters have no weight decay, before the Trainer's strategy shards them."""
        self._without_decay = names_without_decay(self)

    @abstractmethod
    def freezable(self) -> tuple[list[nn.Module], list[nn.Module]]:
        """The embedding modules, and the encoder's layers from the input up."""

    def frozen_base_parameters(self) -> list[nn.Parameter]:
        """Parameters that never train, whichever layers are frozen."""
        return []

    @abstractmethod
    def loss(self, batch: Any) -> Tensor:
        """The batch's part of the loss of its accumulation window: the parts add up. No metric is updated."""

    @property
    def num_parts(self) -> int:
        """The factor of a loss whose parts add up: Lightning divides by the micro-batches of a step, and several
        processes (DDP) take the mean of their gradients."""
        return int(self.trainer.accumulate_grad_batches * self.trainer.world_size)

    def make_optimizer(self) -> Optimizer:
        """The optimizer over all parameters except those that never train."""
        embeddings, layers = self.freezable()
        plan = self.training_plan
        excluded = {id(parameter) for parameter in self.frozen_base_parameters()}
        parameters = [(name, each) for name, each in self.named_parameters() if id(each) not in excluded]
        without_decay = names_without_decay(self) if self._without_decay is None else self._without_decay
        groups = parameter_groups(parameters, embeddings, layers, plan.optimizer, without_decay)
        return make_optimizer(groups, plan.optimizer, self.device)

    def configure_optimizers(self) -> Any:
        optimizer = self.make_optimizer()
        plan = self.training_plan
        self._full_rate_group, self._full_rate_factor = _full_rate(optimizer, plan.optimizer.lr)
        scheduler = make_scheduler(optimizer, plan.scheduler, plan.epoch_ends, plan.watched[1])
        # Lightning wants a monitor for ReduceLROnPlateau; when any schedule advances is decided here.
        chosen: dict[str, Any] = {
            "scheduler": scheduler,
            "interval": "step",
            "monitor": plan.watched[0],
            "strict": False,
        }
        if isinstance(scheduler, ReduceLROnPlateau):
            chosen |= {"interval": "epoch", "frequency": NEVER}
        return {"optimizer": optimizer, "lr_scheduler": chosen}

    def lr_scheduler_step(self, scheduler: Any, metric: Any | None) -> None:
        """Advance after an optimizer step; one that counts epochs, as far as epochs are done.

        It happens before the validation and the checkpoint of the epoch's end, which a resumed run starts from.
        """
        plan = self.training_plan
        if not is_by_epoch(plan.scheduler):
            scheduler.step()
            return
        while scheduler.last_epoch < epochs_done(self.trainer.global_step, plan.epoch_ends):
            scheduler.step()

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        self._last_rate = optimizer.param_groups[self._full_rate_group]["lr"] * self._full_rate_factor

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Copy a pinned batch while the GPU computes. Lightning does so for plain tensors only."""
        return batch.to(device, non_blocking=device.type == "cuda")

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Seed dropout from (seed, epoch, batch, process), so that a resumed run needs no saved generator state."""
        seed = self.training_plan.seed * 1_000_003 + self.current_epoch * 10_007_999 + batch_idx
        seed += self.global_rank * 1_000_000_007
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
        scores: dict[str, float] = {}
        for split in splits:
            scores |= {f"{split}/{name}": value for name, value in self.metrics[split].compute().items()}
        # All processes have the same scores by now; the mean leaves no difference in the last bit to decide by.
        self.log_dict(scores, batch_size=1, sync_dist=True)
        if self.trainer.state.fn == "fit":
            self.log("lr", self.last_rate(), batch_size=1, sync_dist=True)
            self._step_plateau(scores)

    def _step_plateau(self, scores: dict[str, float]) -> None:
        """Advance the schedules that watch a metric. The callbacks' checkpoint of this validation has their new state.

        Raises RunError for a metric that is not logged."""
        metric = self.training_plan.watched[0]
        for config in self.trainer.lr_scheduler_configs:
            if isinstance(config.scheduler, ReduceLROnPlateau):
                if metric not in scores:
                    raise RunError(f"scheduler.metric={metric} is not logged; there are {listed(sorted(scores), 40)}")
                config.scheduler.step(scores[metric])

    def last_rate(self) -> float:
        """The full rate, before layer-wise decay, of the last optimizer step done (the optimizer holds the next)."""
        if self._last_rate is None:  # before the first step
            return float(self.trainer.optimizers[0].param_groups[self._full_rate_group]["lr"] * self._full_rate_factor)
        return self._last_rate

    def on_test_epoch_start(self) -> None:
        self.metrics["test"].reset()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["train_tally"] = self.metrics["train"].total_state()
        checkpoint["last_rate"] = self._last_rate

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if self.global_rank == 0:  # one process goes on from the sums of all, the others from nothing
            self.metrics["train"].restore(checkpoint["train_tally"])
        self._last_rate = checkpoint.get("last_rate")


def _full_rate(optimizer: Optimizer, lr: float) -> tuple[int, float]:
    """The group whose rate is reported, and the factor from its rate to that before layer-wise decay.

    It is a group at the full rate, where there is one; with a rate of the heads and layer-wise decay there is none.
    """
    rates = [float(group["lr"]) for group in optimizer.param_groups]
    nearest = min(range(len(rates)), key=lambda place: abs(rates[place] - lr))
    return nearest, 1.0 if rates[nearest] == lr else lr / rates[nearest]


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
