"""Live learning curves: figures/curves.png after each epoch, and on request figures/curves.gif at the end of the fit.

Drawn anew from history.jsonl each time, so a resumed run shows all its epochs. A figure is a convenience: whatever goes
wrong while drawing is logged once and never ends a run.
"""

import logging

from lightning.pytorch import Callback, LightningModule, Trainer

from lab.record import RunFolder
from lab.report import figures

log = logging.getLogger(__name__)


class Curves(Callback):
    """metric: the objective, `val/f1_macro`. Stands after the callback that writes the history."""

    def __init__(self, folder: RunFolder, metric: str, png: bool = True, gif: bool = False) -> None:
        self.folder, self.metric, self.png, self.gif = folder, metric, png, gif
        self._failed = False

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.png and trainer.is_global_zero:
            self._draw(gif=False)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.gif and trainer.is_global_zero:
            self._draw(gif=True)

    def _draw(self, gif: bool) -> None:
        try:
            rows = self.folder.history()
            if not rows:
                return
            if gif:
                frames = [figures.learning_curves(rows, self.metric, shown + 1) for shown in range(len(rows))]
                figures.save_gif(frames, self.folder.figures / "curves.gif")
            else:
                figures.save_png(figures.learning_curves(rows, self.metric), self.folder.figures / "curves.png")
        except Exception as error:  # noqa: BLE001  a figure must not end a run
            if not self._failed:
                log.warning("the learning curves could not be drawn (%s: %s)", type(error).__name__, error)
            self._failed = True
