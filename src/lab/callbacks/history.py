"""Writes one row of history.jsonl per validation: everything logged, with its epoch and optimizer step."""

import lightning.pytorch as pl

from lab.core.record.run_folder import RunFolder


class History(pl.Callback):
    """Appends to the run's history. On resume, rows after the checkpoint's step are removed and come again."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.folder.cut_history(trainer.global_step)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.sanity_checking or trainer.state.fn != "fit":
            return
        place = {"epoch": trainer.current_epoch, "step": trainer.global_step}
        metrics = {name: float(value) for name, value in sorted(trainer.callback_metrics.items())}
        self.folder.append_history({**place, **metrics})
