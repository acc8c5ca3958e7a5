"""What is found out before training when asked: the largest useful batch, then a learning rate for it.

What was found takes the place of what was asked for; the record's `requested` holds both, and a resumed run takes the
found values from there instead of searching again.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch.optim import Optimizer

from lab.batches import TextBatch
from lab.callbacks import batch_finder, freeze, lr_finder
from lab.record import RunFolder
from lab.run.material import Material, ends_of_epochs
from lab.schema import Config

log = logging.getLogger(__name__)
BATCH_SIZE, LR = "data.batch_size", "optimizer.lr"


def search(config: Config, material: Material, device: torch.device, run: RunFolder) -> dict[str, dict[str, Any]]:
    """Run the finders that are on; gives {key: {asked, used}}. Raises RunError when one finds nothing."""
    found: dict[str, dict[str, Any]] = {}
    model, chosen = material.model, config.callbacks
    if not (chosen.batch_finder.enabled or chosen.lr_finder.enabled):
        return found
    model.to(device)
    frozen = freeze.frozen_layers(0, chosen.freeze.embeddings, chosen.freeze.layers, chosen.unfreeze.schedule)
    freeze.apply(model, *frozen)
    if chosen.batch_finder.enabled:
        size = _batch_size(config, material, device)
        found[BATCH_SIZE] = {"asked": config.data.batch_size, "used": size}
        apply(config, material, found)
    if chosen.lr_finder.enabled:
        found[LR] = {"asked": config.optimizer.lr, "used": _rate(config, material, device, run)}
        apply(config, material, found)
    return found


def apply(config: Config, material: Material, requested: Mapping[str, Mapping[str, Any]]) -> None:
    """Let the material use what a finder found."""
    plan = material.model.training_plan
    if BATCH_SIZE in requested:
        material.data.batch_size = int(requested[BATCH_SIZE]["used"])
        plan = replace(plan, epoch_ends=ends_of_epochs(config, material.data))
    if LR in requested:
        plan = replace(plan, optimizer=plan.optimizer.model_copy(update={"lr": requested[LR]["used"]}))
    material.model.training_plan = plan


def _batch_size(config: Config, material: Material, device: torch.device) -> int:
    def longest(size: int) -> TextBatch:
        return material.data.longest(size).to(device)

    limit = config.callbacks.batch_finder.max_batch_size
    found = batch_finder.find(material.model, material.model.loss, longest, config.data.batch_size, limit)
    for trial in found.table:
        speed = "does not fit" if trial.samples_per_s is None else f"{trial.samples_per_s:,.0f} rows/s"
        log.info("batch finder: %d rows: %s", trial.size, speed)
    log.info("batch finder: data.batch_size=%d (%s)", found.size, found.reason)
    return found.size


def _rate(config: Config, material: Material, device: torch.device, run: RunFolder) -> float:
    model, asked = material.model, config.callbacks.lr_finder

    def batches() -> Iterator[TextBatch]:
        for batch in material.data.train_loader():
            yield batch.to(device)

    def optimizer() -> Optimizer:
        return model.make_optimizer()

    curve = lr_finder.find(
        model, model.loss, _Again(batches), optimizer, config.optimizer.lr, asked.min_lr, asked.max_lr, asked.num_steps
    )
    curve.draw(run.figures / "lr_finder.png")
    log.info("learning-rate finder: optimizer.lr=%.2e, drawn in figures/lr_finder.png", curve.rate)
    return curve.rate


class _Again:
    """Iterates from the start each time."""

    def __init__(self, batches: Any) -> None:
        self._batches = batches

    def __iter__(self) -> Iterator[TextBatch]:
        found: Iterator[TextBatch] = self._batches()
        return found
