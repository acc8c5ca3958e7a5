"""Live learning curves: figures/curves.png after epochs, and on request figures/curves.gif at the end of the fit.

Each figure is drawn from history.jsonl, so a resumed run shows all its epochs. After very short epochs a figure is
drawn only now and then, so that drawing takes at most `SHARE` of the time; the end of the fit always has a figure. An
error while drawing is logged once and never ends a run.
"""

import logging
import time
from collections.abc import Callable

from lightning.pytorch import Callback, LightningModule, Trainer

from lab.core.record.run_folder import RunFolder
from lab.report.figures import run_figures

log = logging.getLogger(__name__)
SHARE = 0.05
"""Largest share of the time that drawing may take."""


class LearningCurves(Callback):
    """Draws the curves of `metric`, the objective. Must stand after the callback that writes the history."""

    def __init__(
        self,
        folder: RunFolder,
        metric: str,
        png: bool = True,
        gif: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder, self.metric, self.png, self.gif = folder, metric, png, gif
        self._clock, self._due, self._is_stale = clock, clock(), False
        self._failed = False

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._is_stale = self.png
        began = self._clock()
        if began >= self._due:
            self._catch_up(trainer)
            ended = self._clock()
            self._due = ended + (ended - began) / SHARE

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._catch_up(trainer)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._catch_up(trainer)
        if self.gif and trainer.is_global_zero:
            self._draw(gif=True)

    def _catch_up(self, trainer: Trainer) -> None:
        if self._is_stale and trainer.is_global_zero:
            self._draw(gif=False)
        self._is_stale = False

    def _draw(self, gif: bool) -> None:
        try:
            rows = self.folder.history()
            if not rows:
                return
            if gif:
                frames = [run_figures.learning_curves(rows, self.metric, shown + 1) for shown in range(len(rows))]
                run_figures.save_gif(frames, self.folder.figures / "curves.gif")
            else:
                run_figures.save_png(run_figures.learning_curves(rows, self.metric), self.folder.figures / "curves.png")
        except Exception as error:  # noqa: BLE001  a figure must not end a run
            if not self._failed:
                log.warning("the learning curves could not be drawn (%s: %s)", type(error).__name__, error)
            self._failed = True
