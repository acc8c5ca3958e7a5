"""The finders before training, where they are enabled: the largest useful batch size, then a learning rate for it.

Their results replace the configured values. `requested` of run.json has both, and a resumed run reads the results from
there instead of searching again.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from lab.config.schema import Config, Data
from lab.core.batches import Batch
from lab.core.record.run_folder import RunFolder
from lab.training import batch_size_finder, lr_finder
from lab.training.build.trainer import Hardware
from lab.training.run_length import epoch_end_steps, refuse_misplaced_validations
from lab.training.tasks.base import Material

log = logging.getLogger(__name__)
BATCH_SIZE, LR, HEAD_LR = "data.batch_size", "optimizer.lr", "optimizer.head_lr"


def search(config: Config, material: Material, where: Hardware, run: RunFolder) -> dict[str, dict[str, Any]]:
    """Run the enabled finders; return {key: {requested, used}}. Raises RunError when a finder has no result."""
    results: dict[str, dict[str, Any]] = {}
    model, settings = material.model, config.callbacks
    if not (settings.batch_finder.enabled or settings.lr_finder.enabled):
        return results
    assert isinstance(config.data, Data), "the finders change the batches and the rate of a task of lab"
    model.to(where.device)
    if settings.batch_finder.enabled:
        size = _find_batch_size(config, material, where)
        results[BATCH_SIZE] = {"requested": config.data.batch_size, "used": size}
        apply(config, material, results)
    if settings.lr_finder.enabled:
        results[LR] = {"requested": config.optimizer.lr, "used": _find_lr(config, material, where, run)}
        apply(config, material, results)
        if (head_lr := config.optimizer.head_lr) is not None:
            results[HEAD_LR] = {"requested": head_lr, "used": material.model.training_plan.optimizer.head_lr}
    return results


def apply(config: Config, material: Material, requested: Mapping[str, Mapping[str, Any]]) -> None:
    """Set the finders' results on data and model. The learning rate of the heads keeps its ratio to `optimizer.lr`."""
    if not requested:
        return
    plan = material.model.training_plan
    if BATCH_SIZE in requested:
        material.data.batch_size = int(requested[BATCH_SIZE]["used"])
        num_batches = material.data.num_batches()
        refuse_misplaced_validations(config, num_batches)
        plan = replace(plan, epoch_ends=epoch_end_steps(config, num_batches))
    if LR in requested:
        ratio = requested[LR]["used"] / requested[LR]["requested"]
        head_lr = plan.optimizer.head_lr
        rates = {"lr": requested[LR]["used"], "head_lr": None if head_lr is None else head_lr * ratio}
        plan = replace(plan, optimizer=plan.optimizer.model_copy(update=rates))
    material.model.training_plan = plan


def _loss(material: Material, where: Hardware) -> Callable[[Batch], Tensor]:
    """The training loss of a batch, in the precision of the training."""

    def loss(batch: Batch) -> Tensor:
        with where.autocast():
            return material.model.loss(batch)

    return loss


def _find_batch_size(config: Config, material: Material, where: Hardware) -> int:
    def make_batch(size: int) -> Batch:
        return material.data.longest(size).to(where.device)

    assert isinstance(config.data, Data), "only a task of lab has a batch size that can change"
    limit = config.callbacks.batch_finder.max_batch_size
    loss, start = _loss(material, where), config.data.batch_size
    result = batch_size_finder.find(material.model, loss, make_batch, start, limit)
    for trial in result.table:
        speed = "does not fit" if trial.samples_per_s is None else f"{trial.samples_per_s:,.0f} rows/s"
        log.info("batch finder: %d rows: %s", trial.size, speed)
    log.info("batch finder: data.batch_size=%d (%s)", result.size, result.reason)
    return result.size


class _TrainingBatches:
    """Training batches on the device, each a whole accumulation window. Each iteration starts from the first."""

    def __init__(self, material: Material, device: torch.device) -> None:
        self.windows, self.device = material.data.whole_windows(), device

    def __iter__(self) -> Iterator[Batch]:
        return (batch.to(self.device) for batch in self.windows)


def _find_lr(config: Config, material: Material, where: Hardware, run: RunFolder) -> float:
    model, settings = material.model, config.callbacks.lr_finder
    batches = _TrainingBatches(material, where.device)
    rates = (settings.min_lr, settings.max_lr, settings.num_steps)
    curve = lr_finder.find(model, _loss(material, where), batches, model.make_optimizer, config.optimizer.lr, *rates)
    curve.draw(run.figures / "lr_finder.png")
    log.info("learning-rate finder: optimizer.lr=%.2e, see figures/lr_finder.png", curve.rate)
    return curve.rate
