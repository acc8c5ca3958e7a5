"""The overfit monitor: once per worsening, by either rule, and not again after a resume."""

import logging
from typing import Any

import pytest

from lab.callbacks.overfitting import OverfittingMonitor, parting, widened


@pytest.mark.parametrize(
    ("gap", "warned", "expected"),
    [(0.1, None, False), (0.21, None, True), (0.25, 0.21, False), (0.32, 0.21, True), (float("nan"), None, False)],
)
def test_widened(gap: float, warned: float | None, expected: bool) -> None:
    assert widened(gap, 0.2, warned) is expected


@pytest.mark.parametrize(
    ("train", "val", "expected"),
    [
        ([4, 3, 2, 1], [1, 2, 3, 4], True),
        ([4, 3, 2], [1, 2, 3], False),  # too short
        ([4, 3, 2, 1], [1, 2, 2, 4], False),  # val paused
        ([4, 3, 3, 1], [1, 2, 3, 4], False),  # train paused: training itself has gone wrong
        ([9, 4, 3, 2, 1], [9, 1, 2, 3, 4], True),
    ],
)
def test_parting(train: list[float], val: list[float], expected: bool) -> None:
    assert parting(train, val) is expected


def test_warns_once_per_worsening_of_the_gap(tiny: Any, fit: Any, caplog: Any) -> None:
    script = {"train/f1_macro": [0.5, 0.9, 0.9, 0.9, 0.9], "val/f1_macro": [0.5, 0.6, 0.6, 0.4, 0.8]}
    monitor = OverfittingMonitor("val/f1_macro", gap=0.2)
    with caplog.at_level(logging.WARNING, "lab.callbacks.overfitting"):
        fit(tiny(script), monitor, max_epochs=5)
    assert monitor.warnings == [
        "overfitting after epoch 2: f1_macro is 0.900 on train and 0.600 on val",
        "overfitting after epoch 4: f1_macro is 0.900 on train and 0.400 on val",
    ]
    lines = [record.message for record in caplog.records if record.name.startswith("lab")]
    assert len(lines) == 1
    assert "model.dropout" in lines[0]


def test_the_terminal_has_the_begin_each_doubling_and_the_end(tiny: Any, fit: Any, caplog: Any) -> None:
    script = {"train/f1_macro": [0.5, *[0.9] * 5], "val/f1_macro": [0.5, 0.65, 0.5, 0.35, 0.3, 0.2]}
    monitor = OverfittingMonitor("val/f1_macro", gap=0.2)
    with caplog.at_level(logging.WARNING, "lab.callbacks.overfitting"):
        fit(tiny(script), monitor, max_epochs=6)
    lines = [record.message for record in caplog.records if record.name.startswith("lab")]
    assert [line.partition(": f1")[0] for line in lines] == [
        "overfitting after epoch 2", "overfitting after epoch 4", "overfitting at the end",
    ]  # fmt: skip
    assert ["model.dropout" in line for line in lines] == [True, False, False]
    assert len(monitor.warnings) > len(lines) - 1  # the record has each step


def test_a_wider_limit_is_silent(tiny: Any, fit: Any) -> None:
    script = {"train/f1_macro": [0.9] * 3, "val/f1_macro": [0.6] * 3}
    monitor = OverfittingMonitor("val/f1_macro", gap=0.4)
    fit(tiny(script), monitor)
    assert monitor.warnings == []


def test_losses_that_part_and_a_resume(tiny: Any, fit: Any) -> None:
    class Scripted(tiny):  # type: ignore[misc]
        def validation_step(self, batch: Any, batch_idx: int) -> None:
            pass

    script = {"train/loss": [5.0, 4.0, 3.0, 2.0, 1.0], "val/loss": [1.0, 2.0, 3.0, 4.0, 5.0]}
    straight = OverfittingMonitor("val/f1_macro", gap=0.2)
    fit(Scripted(script), straight, max_epochs=5)
    line = "overfitting after epoch 4: val/loss rose 3 epochs in a row (1.000 to 4.000) while train/loss fell"
    assert straight.warnings == [line]

    cut = OverfittingMonitor("val/f1_macro", gap=0.2)
    fit(Scripted(script), cut, max_epochs=3)
    resumed = OverfittingMonitor("val/f1_macro", gap=0.2)
    resumed.load_state_dict(cut.state_dict())
    later = {name: values[3:] for name, values in script.items()}
    fit(Scripted(later), resumed, max_epochs=2)
    assert len(resumed.warnings) == 1
    assert resumed.state_dict()["val_losses"] == straight.state_dict()["val_losses"]


def test_a_loss_as_objective_has_its_gap_the_other_way(tiny: Any, fit: Any) -> None:
    class Scripted(tiny):  # type: ignore[misc]
        def validation_step(self, batch: Any, batch_idx: int) -> None:
            pass

    monitor = OverfittingMonitor("val/loss", gap=0.2, mode="min")
    fit(Scripted({"train/loss": [0.1] * 3, "val/loss": [0.5] * 3}), monitor)
    assert len(monitor.warnings) == 1
