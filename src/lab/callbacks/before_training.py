"""Validates a new model before its first step and offers it as the best checkpoint, as epoch 0; early stopping counts
from its score.

It is for a network that starts from a simple model: before the first step the logits are those of the simple model
alone, so the best checkpoint is not below it on the validation rows. That is a selection on these rows, not a promise
for others. Lightning's check before training (`num_sanity_val_steps=-1`) reads the rows, a resumed run does not.
"""

import lightning.pytorch as pl
import torch

from lab.callbacks.checkpoint import BestAndLast
from lab.callbacks.early_stopping import EarlyStopping
from lab.core.record.fields import BEFORE_TRAINING
from lab.core.record.run_folder import RunFolder
from lab.models.task_module import TaskModule


class BeforeTraining(pl.Callback):
    """Writes a row of the history and the first best checkpoint, both of epoch -1, step 0 (epochs count from 0)."""

    def __init__(self, folder: RunFolder, best: BestAndLast, early: EarlyStopping | None = None) -> None:
        self.folder, self.best, self.early = folder, best, early

    def on_sanity_check_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, TaskModule), "a custom module has no simple model"
        # In fp32, as Lightning logs the scores of all other validations.
        scores = {f"val/{name}": torch.tensor(value) for name, value in pl_module.metrics["val"].compute().items()}
        self.folder.append_history({"epoch": BEFORE_TRAINING, "step": 0, **{n: float(v) for n, v in scores.items()}})
        if self.best.monitor in scores:
            self.best.offer(trainer, scores[self.best.monitor])
        if self.early is not None and self.early.monitor in scores:
            self.early.start_from(float(scores[self.early.monitor]))
