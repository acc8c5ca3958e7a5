"""Seeds every training batch of a module that does not do it itself, so that a resumed run draws the same dropout."""

import random
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch


class SeededBatches(pl.Callback):
    """What a batch draws at random is a function of (seed, epoch, batch, process): no generator's state has to be
    saved."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        place = (self.seed, trainer.current_epoch, batch_idx)
        entropy = place if trainer.global_rank == 0 else (*place, trainer.global_rank)
        seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002  libraries draw from it
        torch.default_generator.manual_seed(seed)
        if pl_module.device.type == "cuda":
            torch.cuda.manual_seed_all(seed)
