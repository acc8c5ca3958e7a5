"""What is found out before training when asked: the largest useful batch, then a learning rate for it.

What was found takes the place of what was asked for; the record's `requested` holds both, and a resumed run takes the
found values from there instead of searching again.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from lab.config.schema import Config
from lab.core.batches import Batch
from lab.core.record.run_folder import RunFolder
from lab.training import batch_size_finder, lr_finder
from lab.training.build.trainer import Hardware
from lab.training.run_length import ends_of_epochs, refuse_misplaced_validations
from lab.training.tasks.base import Material

log = logging.getLogger(__name__)
BATCH_SIZE, LR, HEAD_LR = "data.batch_size", "optimizer.lr", "optimizer.head_lr"


def search(config: Config, material: Material, where: Hardware, run: RunFolder) -> dict[str, dict[str, Any]]:
    """Run the finders that are on; gives {key: {asked, used}}. Raises RunError when one finds nothing."""
    found: dict[str, dict[str, Any]] = {}
    model, chosen = material.model, config.callbacks
    if not (chosen.batch_finder.enabled or chosen.lr_finder.enabled):
        return found
    model.to(where.device)
    if chosen.batch_finder.enabled:
        size = _batch_size(config, material, where)
        found[BATCH_SIZE] = {"asked": config.data.batch_size, "used": size}
        apply(config, material, found)
    if chosen.lr_finder.enabled:
        found[LR] = {"asked": config.optimizer.lr, "used": _rate(config, material, where, run)}
        apply(config, material, found)
        if config.optimizer.head_lr is not None:
            found[HEAD_LR] = {"asked": config.optimizer.head_lr, "used": material.model.training_plan.optimizer.head_lr}
    return found


def apply(config: Config, material: Material, requested: Mapping[str, Mapping[str, Any]]) -> None:
    """Let the material use what a finder found. The heads' own rate stays in its ratio to the encoder's."""
    plan = material.model.training_plan
    if BATCH_SIZE in requested:
        material.data.batch_size = int(requested[BATCH_SIZE]["used"])
        num_batches = material.data.num_batches()
        refuse_misplaced_validations(config, num_batches)
        plan = replace(plan, epoch_ends=ends_of_epochs(config, num_batches))
    if LR in requested:
        ratio = requested[LR]["used"] / requested[LR]["asked"]
        head_lr = plan.optimizer.head_lr
        rates = {"lr": requested[LR]["used"], "head_lr": None if head_lr is None else head_lr * ratio}
        plan = replace(plan, optimizer=plan.optimizer.model_copy(update=rates))
    material.model.training_plan = plan


def _loss(material: Material, where: Hardware) -> Callable[[Batch], Tensor]:
    """The training loss in the precision of the training."""

    def loss(batch: Batch) -> Tensor:
        with where.autocast():
            return material.model.loss(batch)

    return loss


def _batch_size(config: Config, material: Material, where: Hardware) -> int:
    def longest(size: int) -> Batch:
        return material.data.longest(size).to(where.device)

    limit = config.callbacks.batch_finder.max_batch_size
    found = batch_size_finder.find(material.model, _loss(material, where), longest, config.data.batch_size, limit)
    for trial in found.table:
        speed = "does not fit" if trial.samples_per_s is None else f"{trial.samples_per_s:,.0f} rows/s"
        log.info("batch finder: %d rows: %s", trial.size, speed)
    log.info("batch finder: data.batch_size=%d (%s)", found.size, found.reason)
    return found.size


class _Batches:
    """Whole training windows on the device, from the start each time."""

    def __init__(self, material: Material, device: torch.device) -> None:
        self.windows, self.device = material.data.whole_windows(), device

    def __iter__(self) -> Iterator[Batch]:
        return (batch.to(self.device) for batch in self.windows)


def _rate(config: Config, material: Material, where: Hardware, run: RunFolder) -> float:
    model, asked = material.model, config.callbacks.lr_finder
    batches = _Batches(material, where.device)
    span = (asked.min_lr, asked.max_lr, asked.num_steps)
    curve = lr_finder.find(model, _loss(material, where), batches, model.make_optimizer, config.optimizer.lr, *span)
    curve.draw(run.figures / "lr_finder.png")
    log.info("learning-rate finder: optimizer.lr=%.2e, drawn in figures/lr_finder.png", curve.rate)
    return curve.rate
