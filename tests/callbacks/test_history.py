"""The history: one row per validation, training means with their own epoch, nothing after the checkpoint on resume."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab.callbacks.history import History
from lab.core.record.run_folder import RunFolder


def trainer(step: int, epoch: int = 0, restarted: bool = False, **metrics: float) -> Any:
    names = {name.replace("_", "/", 1): value for name, value in metrics.items()}
    return SimpleNamespace(
        sanity_checking=False, state=SimpleNamespace(fn="fit"), current_epoch=epoch, global_step=step,
        callback_metrics=names, fit_loop=SimpleNamespace(restarted_mid_epoch=restarted),
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path)


def test_a_row_has_all_that_was_logged(folder: RunFolder) -> None:
    History(folder).on_validation_end(trainer(5, train_loss=2.0, val_loss=1.0), None)  # type: ignore[arg-type]
    assert folder.history() == [{"epoch": 0, "step": 5, "train/loss": 2.0, "val/loss": 1.0}]


def test_the_sanity_check_and_a_test_write_nothing(folder: RunFolder) -> None:
    checking, testing = trainer(0, val_loss=1.0), trainer(9, val_loss=1.0)
    checking.sanity_checking, testing.state.fn = True, "test"
    for each in (checking, testing):
        History(folder).on_validation_end(each, None)  # type: ignore[arg-type]
    assert folder.history() == []


def test_late_training_means_join_the_row_of_their_own_epoch(folder: RunFolder) -> None:
    history: Any = History(folder, logs_training_late=True)
    history.on_train_start(trainer(0), None)
    for epoch in range(2):  # at the validation the means are those of the epoch before
        history.on_validation_end(trainer(5 * epoch + 5, epoch, train_loss=9.0 - epoch, val_loss=1.0), None)
        history.on_train_epoch_end(trainer(5 * epoch + 5, epoch, train_loss=8.0 - epoch, val_loss=1.0), None)
    assert [row["train/loss"] for row in folder.history()] == [8.0, 7.0]


def test_means_over_the_rest_of_an_epoch_are_left_out(folder: RunFolder) -> None:
    history: Any = History(folder, logs_training_late=True)
    history.on_train_start(trainer(3, 1, restarted=True), None)
    history.on_validation_end(trainer(10, 1, val_loss=1.0), None)
    history.on_train_epoch_end(trainer(10, 1, train_loss=8.0), None)
    assert folder.history() == [{"epoch": 1, "step": 10, "val/loss": 1.0}]


def test_a_resumed_run_writes_later_rows_again(folder: RunFolder) -> None:
    for step in (5, 10):
        History(folder).on_validation_end(trainer(step, val_loss=1.0), None)  # type: ignore[arg-type]
    History(folder).on_train_start(trainer(7), None)  # type: ignore[arg-type]
    assert [row["step"] for row in folder.history()] == [5]
