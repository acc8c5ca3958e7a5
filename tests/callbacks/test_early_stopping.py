"""Early stopping: each switch, each reason, and that a resumed run decides like a straight one."""

import logging
import math
from typing import Any

import pytest
from lightning.pytorch import Callback
from lightning.pytorch.callbacks.early_stopping import EarlyStoppingReason

from lab.callbacks.early_stopping import (
    EarlyStopping,
    Standing,
    direction,
    full_name,
    improves,
    observe,
    should_stop,
)
from lab.core.errors import RequestError

METRIC = "val/causa/f1_macro"
NAN = math.nan


def epochs_run(values: list[float], patience: int, mode: Any = None, **options: Any) -> int:
    """Epochs until the decision stops a run with these values, or all."""
    standing = Standing()
    for epoch, value in enumerate(values):
        standing = observe(standing, value, epoch, mode or "max", options.get("min_delta", 0.0))
        if should_stop(standing, epoch, patience, options.get("min_epochs", 0)):
            return epoch + 1
    return len(values)


@pytest.mark.parametrize(
    ("values", "patience", "options", "expected"),
    [
        ([0.5, 0.4, 0.6, 0.5, 0.5, 0.9], 2, {}, 5),
        ([0.5, 0.4, 0.6, 0.5, 0.5, 0.9], 3, {}, 6),
        ([0.5, 0.4, 0.3, 0.2], 1, {"mode": "min"}, 4),
        ([0.5, 0.6, 0.7, 0.8], 1, {"mode": "min"}, 2),
        ([0.50, 0.51, 0.52, 0.53], 2, {"min_delta": 0.1}, 3),
        ([NAN, NAN, 0.5, 0.4], 2, {}, 2),
        ([0.5, NAN, NAN, 0.6], 2, {}, 3),
        ([0.5, 0.4, 0.4, 0.4, 0.4], 1, {"min_epochs": 4}, 4),
        ([0.5, 0.4, 0.4, 0.6, 0.7, 0.8], 1, {"min_epochs": 4}, 6),  # the improvement took the stop back
    ],
)
def test_decision(values: list[float], patience: int, options: Any, expected: int) -> None:
    assert epochs_run(values, patience, **options) == expected


def test_names_and_directions() -> None:
    assert full_name("causa/f1_macro") == METRIC
    assert full_name("val/loss") == "val/loss"
    assert (direction("val/causa/loss"), direction(METRIC)) == ("min", "max")
    assert not improves(NAN, None, "max", 0.0)


def test_stops_with_counter_and_reason(tiny: Any, fit: Any, caplog: Any) -> None:
    stopping = EarlyStopping("causa/f1_macro", patience=2)
    with caplog.at_level(logging.INFO, "lab.callbacks.early_stopping"):
        trainer = fit(tiny({METRIC: [0.5, 0.8, 0.7, 0.8, 0.9]}), stopping, max_epochs=5)
    assert trainer.current_epoch == 4
    assert (stopping.standing.best, stopping.best_epoch) == (pytest.approx(0.8), 1)
    reason = "no improvement of val/causa/f1_macro for 2 of 2 epochs (best 0.8000 at epoch 2)"
    assert stopping.stopping_reason_message == reason
    assert [record.message for record in caplog.records if record.name.startswith("lab")] == [
        reason.replace("2 of 2", "1 of 2"),
        f"stopped early after epoch 4: {reason}",
    ]


def test_runs_to_the_end_when_it_improves_in_time(tiny: Any, fit: Any) -> None:
    stopping = EarlyStopping("causa/f1_macro", patience=2)
    trainer = fit(tiny({METRIC: [0.5, 0.4, 0.6, 0.5, 0.7]}), stopping, max_epochs=5)
    assert (trainer.current_epoch, stopping.stopping_reason_message) == (5, None)


def test_does_not_latch_before_min_epochs(tiny: Any, fit: Any) -> None:
    script = {METRIC: [0.9, 0.1, 0.1, 0.95, 0.96, 0.97]}
    stopping = EarlyStopping("causa/f1_macro", patience=1, min_epochs=4)
    assert fit(tiny(script), stopping, max_epochs=6, min_epochs=4).current_epoch == 6
    stopping = EarlyStopping("causa/f1_macro", patience=1, min_epochs=3)
    assert fit(tiny(script), stopping, max_epochs=6, min_epochs=3).current_epoch == 3


def test_patience_is_in_whole_epochs_when_there_are_more_validations(tiny: Any, fit: Any) -> None:
    """The best value is that of the middle of the first epoch, and each epoch has four steps."""
    for patience, steps in ((1, 8), (2, 12)):
        stopping = EarlyStopping("causa/f1_macro", patience=patience)
        trainer = fit(tiny({METRIC: [0.5, 0.4, 0.4, 0.4, 0.4]}), stopping, max_epochs=5, val_check_interval=0.5)
        assert stopping.stopping_reason_message is not None
        assert trainer.global_step == steps


def test_validations_that_never_end_an_epoch_stop_the_fit_too(tiny: Any, fit: Any) -> None:
    stopping = EarlyStopping("causa/f1_macro", patience=1)
    trainer = fit(tiny({METRIC: [0.5, 0.4, 0.4, 0.4, 0.4]}), stopping, max_epochs=5, val_check_interval=0.75)
    assert (trainer.global_step, stopping.stopped_epoch) == (11, 1)


def test_lightnings_attributes_say_how_it_stands(tiny: Any, fit: Any) -> None:
    stopping = EarlyStopping("causa/loss", patience=2, min_delta=0.1)
    trainer = fit(tiny({"val/causa/loss": [0.8, 0.5, 0.45, 0.6, 0.1]}), stopping, max_epochs=5)
    assert trainer.early_stopping_callback is stopping
    assert (stopping.monitor, stopping.mode, stopping.patience) == ("val/causa/loss", "min", 2)
    assert (float(stopping.best_score), stopping.wait_count, stopping.stopped_epoch) == (0.5, 2, 3)
    assert stopping.stopping_reason is EarlyStoppingReason.PATIENCE_EXHAUSTED
    patient = EarlyStopping("causa/loss", patience=9)
    fit(tiny({"val/causa/loss": [0.8, 0.5, 0.45]}), patient)
    assert patient.stopping_reason is EarlyStoppingReason.NOT_STOPPED
    assert (patient.wait_count, patient.stopped_epoch, patient.stopping_reason_message) == (0, 0, None)


def test_an_unknown_metric_names_the_nearest_at_the_first_validation(tiny: Any, fit: Any) -> None:
    with pytest.raises(RequestError) as caught:
        fit(tiny({METRIC: [0.5, 0.5, 0.5]}), EarlyStopping("causa/f1_makro", patience=2))
    text = str(caught.value)
    assert "callbacks.early_stopping.metric=val/causa/f1_makro" in text
    assert "callbacks.early_stopping.metric=val/causa/f1_macro" in text
    assert "val/loss" in text


def test_the_state_survives_a_resume(tiny: Any, fit: Any, tmp_path: Any) -> None:
    class Save(Callback):
        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            trainer.save_checkpoint(tmp_path / f"{trainer.current_epoch}.ckpt")

    script = {METRIC: [0.5, 0.8, 0.7, 0.7, 0.7, 0.7]}
    straight = EarlyStopping("causa/f1_macro", patience=2)
    fit(tiny(script), straight, Save(), max_epochs=6)
    resumed = EarlyStopping("causa/f1_macro", patience=2)
    trainer = fit(tiny(script), resumed, max_epochs=6, ckpt_path=tmp_path / "2.ckpt")
    assert trainer.current_epoch == 4
    assert resumed.stopping_reason_message == straight.stopping_reason_message

    stopped = EarlyStopping("causa/f1_macro", patience=2)
    trainer = fit(tiny(script), stopped, max_epochs=6, ckpt_path=tmp_path / "3.ckpt")
    assert (trainer.current_epoch, stopped.stopping_reason_message) == (4, straight.stopping_reason_message)

    patient = EarlyStopping("causa/f1_macro", patience=4)
    assert fit(tiny(script), patient, max_epochs=6, ckpt_path=tmp_path / "3.ckpt").current_epoch == 6


def test_a_run_that_stopped_in_its_last_epoch_still_says_so_after_a_resume(tiny: Any, fit: Any, tmp_path: Any) -> None:
    class Save(Callback):
        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            trainer.save_checkpoint(tmp_path / "last.ckpt")

    script = {METRIC: [0.5, 0.8, 0.7, 0.7]}
    straight = EarlyStopping("causa/f1_macro", patience=2)
    fit(tiny(script), straight, Save(), max_epochs=4)
    resumed = EarlyStopping("causa/f1_macro", patience=2)
    fit(tiny(script), resumed, max_epochs=4, ckpt_path=tmp_path / "last.ckpt")
    assert resumed.stopping_reason_message == straight.stopping_reason_message is not None

    patient = EarlyStopping("causa/f1_macro", patience=3)
    fit(tiny(script), patient, max_epochs=4, ckpt_path=tmp_path / "last.ckpt")
    assert patient.stopping_reason_message is None


def test_a_score_before_training_is_the_first_best_and_survives_a_resume(tiny: Any, fit: Any, tmp_path: Any) -> None:
    class Base(Callback):
        def __init__(self, stopping: EarlyStopping) -> None:
            self.stopping = stopping

        def on_sanity_check_end(self, trainer: Any, pl_module: Any) -> None:
            self.stopping.start_from(0.6)

        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            trainer.save_checkpoint(tmp_path / f"{trainer.current_epoch}.ckpt")

    reached, script = {METRIC: [0.5, 0.7, 0.5, 0.5, 0.9]}, {METRIC: [0.1, 0.3, 0.4, 0.5, 0.9]}
    stopping = EarlyStopping("causa/f1_macro", patience=3)
    trainer = fit(tiny(script), stopping, Base(stopping), max_epochs=5, num_sanity_val_steps=-1)
    reason = "no improvement of val/causa/f1_macro for 3 of 3 epochs (best 0.6000 before training)"
    assert (trainer.current_epoch, stopping.best_epoch, stopping.stopping_reason_message) == (3, -1, reason)
    resumed = EarlyStopping("causa/f1_macro", patience=3)
    trainer = fit(tiny(script), resumed, max_epochs=5, ckpt_path=tmp_path / "1.ckpt")
    assert (trainer.current_epoch, resumed.stopping_reason_message) == (3, reason)
    above = EarlyStopping("causa/f1_macro", patience=3)
    assert fit(tiny(reached), above, Base(above), max_epochs=5, num_sanity_val_steps=-1).current_epoch == 5
    assert above.best_epoch == 4
    never = EarlyStopping("causa/f1_macro", patience=3)
    never.start_from(NAN)
    assert never.best_epoch is None


def test_the_best_of_another_metric_is_not_gone_on_from(caplog: Any) -> None:
    before = EarlyStopping("f1_macro", patience=2)
    before.standing, before.last_epoch = Standing(0.8, 3), 5
    state = before.state_dict()
    for other in (EarlyStopping("loss", patience=2), EarlyStopping("f1_macro", patience=2, mode="min")):
        other.load_state_dict(state)
        assert other.standing.best is None
        assert other.stopping_reason_message is None
        assert observe(other.standing, 1.2, 6, other._mode, 0.0) == Standing(1.2, 6)
        assert not should_stop(other.standing, 6, other.patience, 0)
    same = EarlyStopping("f1_macro", patience=2)
    same.load_state_dict(state)
    assert (same.standing.best, same.best_epoch) == (0.8, 3)
    old = {name: value for name, value in state.items() if name not in ("metric", "mode")}
    same.load_state_dict(old)
    assert same.standing.best == 0.8
