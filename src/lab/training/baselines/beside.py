"""Baselines that are fitted beside the training, in a copy of the process that puts their outputs into the cache.

Nothing else changes: at its end the run takes them from there, or fits what is not there. A trial of a sweep starts
none, since its neighbours have the other cores, and since the cache has them after the first trial.
"""

import logging
from pathlib import Path
from typing import Any

import torch

from lab.config.schema import Config
from lab.core.processes.background import Background, is_possible
from lab.core.processes.world import num_ranks
from lab.data.datamodule import DataModule
from lab.training.baselines.at_end import simple_models
from lab.training.baselines.fitted import key_of
from lab.training.baselines.stored import obtain
from lab.training.tasks.base import Material

log = logging.getLogger(__name__)
FEWEST_ROWS = 2000
"""Training rows from which a copy is worth its start."""


def start_beside(background: Background, config: Config, material: Material, sweep: dict[str, Any] | None) -> None:
    """Start to fit the baselines of a run, where that can be done beside it."""
    if not _pays(config, material) or sweep is not None or not is_possible():
        return
    try:
        background.start(lambda: _fill_cache(config, material))
    except OSError as error:
        log.info("the baselines are fitted after the test: %s", error)


def _pays(config: Config, material: Material) -> bool:
    alone = num_ranks(config.trainer.devices, config.trainer.num_nodes) == 1
    wanted = config.baselines.enabled and not config.trainer.fast_dev_run
    return alone and wanted and isinstance(material.data, DataModule) and _num_rows(material.data) >= FEWEST_ROWS


def _num_rows(data: DataModule[Any]) -> int:
    return len(data.lengths("train"))


def _fill_cache(config: Config, material: Material) -> None:
    torch.set_num_threads(1)  # the threads of the run are not in the copy
    for model, fingerprint, scored in simple_models(config, material, material.scored_rows):
        obtain(Path(config.cache.dir).expanduser(), key_of(model, fingerprint, scored), model.compute)
