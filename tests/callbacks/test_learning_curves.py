"""Live curves: written after each epoch from the history, the GIF on request, and never a run's end."""

import logging
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback
from PIL import Image

from lab.callbacks.learning_curves import LearningCurves
from lab.core.record.run_folder import RunFolder

METRIC = "val/f1_macro"


class History(Callback):
    """Writes a row per validation and notes whether the picture of the epoch before is there."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.sizes: list[int] = []

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        epoch, score = trainer.current_epoch, float(trainer.callback_metrics["val/loss"])
        self.folder.append_history({"epoch": epoch, "step": trainer.global_step, METRIC: score, "val/loss": score})
        picture = self.folder.figures / "curves.png"
        self.sizes.append(picture.stat().st_mtime_ns if picture.exists() else 0)


def test_a_new_picture_each_epoch_and_a_frame_an_epoch(tiny: Any, fit: Any, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    history = History(folder)
    fit(tiny(), history, LearningCurves(folder, METRIC, png=True, gif=True, clock=lambda: 0.0))
    assert history.sizes[0] == 0
    assert 0 < history.sizes[1] < history.sizes[2]
    with Image.open(folder.figures / "curves.gif") as gif:
        assert gif.n_frames == 3  # type: ignore[attr-defined]
    assert sorted(path.name for path in folder.figures.iterdir()) == ["curves.gif", "curves.png"]


class Ticks:
    """A clock whose every look costs a second: a picture takes one, and from one epoch to the next passes another."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def test_short_epochs_share_a_picture_and_the_last_is_always_drawn(tiny: Any, fit: Any, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    history = History(folder)
    fit(tiny(), history, LearningCurves(folder, METRIC, clock=Ticks()))
    assert history.sizes[0] == 0
    assert 0 < history.sizes[1] == history.sizes[2]
    assert (folder.figures / "curves.png").stat().st_mtime_ns > history.sizes[2]


class Stop(Callback):
    def on_train_batch_start(self, trainer: Any, *_: Any) -> None:
        if trainer.current_epoch == 2:
            raise KeyboardInterrupt


def test_a_fit_that_is_stopped_shows_its_epochs(tiny: Any, fit: Any, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    history = History(folder)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        fit(tiny(), history, LearningCurves(folder, METRIC, clock=Ticks()), Stop())
    assert (folder.figures / "curves.png").stat().st_mtime_ns > history.sizes[1] > 0


def test_off_means_no_file(tiny: Any, fit: Any, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    fit(tiny(), History(folder), LearningCurves(folder, METRIC, png=False, gif=False))
    assert not folder.figures.exists()


def test_a_failure_is_said_once_and_ends_nothing(tiny: Any, fit: Any, tmp_path: Path, caplog: Any) -> None:
    folder = RunFolder(tmp_path)
    folder.figures.write_text("a file where the folder should be")
    with caplog.at_level(logging.WARNING, "lab.callbacks.learning_curves"):
        trainer = fit(tiny(), History(folder), LearningCurves(folder, METRIC, gif=True))
    assert trainer.current_epoch == 3
    lines = [record.message for record in caplog.records if record.name.startswith("lab")]
    assert len(lines) == 1
    assert "could not be drawn" in lines[0]
