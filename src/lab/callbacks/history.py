"""Writes one row of history.jsonl per validation: everything logged, with its epoch and optimizer step."""

import lightning.pytorch as pl

from lab.core.record.run_folder import RunFolder


class History(pl.Callback):
    """Appends to the run's history. On resume, rows after the checkpoint's step are removed and come again.

    logs_training_late: a module's own means over the epoch (`train/...`) exist only once the epoch has ended, after
    its validation; they are then added to the row of that validation. Of an epoch that was resumed in its middle they
    are left out: they would be means over its rest.
    """

    def __init__(self, folder: RunFolder, logs_training_late: bool = False) -> None:
        self.folder, self.logs_training_late = folder, logs_training_late
        self._partial_epoch: int | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.folder.cut_history(trainer.global_step)
        self._partial_epoch = trainer.current_epoch if trainer.fit_loop.restarted_mid_epoch else None

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.sanity_checking or trainer.state.fn != "fit":
            return
        logged = _numbers(trainer)
        if self.logs_training_late:  # what is there by now is of the epoch before
            logged = {name: value for name, value in logged.items() if not name.startswith("train")}
        self.folder.append_history(_place(trainer) | logged)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.logs_training_late and trainer.current_epoch != self._partial_epoch:
            late = {name: value for name, value in _numbers(trainer).items() if name.startswith("train")}
            self.folder.append_history(_place(trainer) | late)


def _place(trainer: pl.Trainer) -> dict[str, float]:
    return {"epoch": trainer.current_epoch, "step": trainer.global_step}


def _numbers(trainer: pl.Trainer) -> dict[str, float]:
    return {name: float(value) for name, value in sorted(trainer.callback_metrics.items())}
