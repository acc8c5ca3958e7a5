"""Losses and rates of every n-th optimizer step, also where a step has several batches."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from lab.callbacks.loop import step_metrics
from lab.callbacks.loop.step_metrics import StepMetrics


class Recorded:
    """A logger that keeps what it is given."""

    def __init__(self) -> None:
        self.points: list[tuple[int, dict[str, float]]] = []

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:
        self.points.append((step, metrics))


def run(every: int, losses: list[float], batches_per_step: int, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """Batches with these losses; the rate is 0.1 per finished step."""
    logger = Recorded()
    group: dict[str, float] = {"lr": 0.0}
    trainer: Any = SimpleNamespace(
        loggers=[logger], world_size=1, global_step=0, optimizers=[SimpleNamespace(param_groups=[group])],
        fit_loop=SimpleNamespace(epoch_loop=SimpleNamespace(_batches_that_stepped=None)),
    )  # fmt: skip
    callback = StepMetrics(every)
    module: Any = object()
    for index, loss in enumerate(losses):
        ends = (index + 1) % batches_per_step == 0
        monkeypatch.setattr(step_metrics, "ends_window", lambda _, ends=ends: ends)
        callback.on_train_batch_start(trainer, module, None, index)
        assert trainer.fit_loop.epoch_loop._batches_that_stepped == trainer.global_step
        if ends:
            trainer.global_step += 1
            group["lr"] = 0.1 * trainer.global_step
        callback.on_train_batch_end(trainer, module, {"loss": torch.tensor(loss)}, None, index)
    return logger


def test_every_second_step_is_logged_under_the_number_of_lightning(monkeypatch: pytest.MonkeyPatch) -> None:
    points = run(2, [1.0, 2.0, 3.0, 4.0, 5.0], 1, monkeypatch).points
    assert [step for step, _ in points] == [1, 3]
    assert [row["train/loss_step"] for _, row in points] == [2.0, 4.0]
    assert [row["lr"] for _, row in points] == pytest.approx([0.2, 0.4])


def test_the_loss_of_a_step_is_the_sum_of_the_shares_of_its_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    points = run(2, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], 2, monkeypatch).points
    assert [(step, row["train/loss_step"]) for step, row in points] == [(1, 7.0), (3, 15.0)]


def test_nothing_is_logged_with_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(0, [1.0, 2.0], 1, monkeypatch).points == []


def test_a_module_can_say_the_rate_of_its_last_step(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = SimpleNamespace(last_rate=lambda: 0.25)
    trainer: Any = SimpleNamespace(optimizers=[SimpleNamespace(param_groups=[{"lr": 1.0}])])
    assert step_metrics._rate(module, trainer) == 0.25
    assert step_metrics._rate(object(), trainer) == 1.0  # type: ignore[arg-type]
