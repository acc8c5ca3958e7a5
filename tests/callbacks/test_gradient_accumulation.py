"""Accumulation: the decision, the step counts it promises, and a resume in the middle of an epoch."""

import time
from typing import Any

import pytest
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import GradientAccumulationScheduler

from lab.callbacks.gradient_accumulation import GradientAccumulation, accumulation, epoch_ends


@pytest.mark.parametrize(
    ("epoch", "batches", "schedule", "expected"),
    [(0, 1, {}, 1), (5, 3, {}, 3), (1, 2, {2: 8}, 2), (2, 2, {2: 8}, 8), (9, 2, {4: 4, 0: 8}, 4)],
)
def test_decision(epoch: int, batches: int, schedule: dict[int, int], expected: int) -> None:
    assert accumulation(epoch, batches, schedule) == expected


class Steps(Callback):
    """Optimizer steps done at each epoch's end."""

    def __init__(self) -> None:
        self.ends: list[int] = []

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        self.ends.append(trainer.global_step)


def test_steps_are_as_promised_tail_included(tiny: Any, fit: Any) -> None:
    steps = Steps()
    schedule = {1: 3, 2: 4, 3: 9}
    fit(tiny(), GradientAccumulation(1, schedule), steps, max_epochs=4)
    assert steps.ends == [4, 6, 7, 8]
    assert epoch_ends(4, 4, 1, schedule) == (4, 6, 7, 8)


def test_a_run_resumed_in_mid_epoch_accumulates_as_before(tiny: Any, fit: Any, tmp_path: Any) -> None:
    class Cut(Callback):
        def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            if (trainer.current_epoch, batch_idx) == (1, 1):
                trainer.save_checkpoint(tmp_path / "cut.ckpt")
                raise InterruptedError

    with pytest.raises(InterruptedError):
        fit(tiny(), GradientAccumulation(1, {1: 2}), Cut())
    trainer = fit(tiny(), GradientAccumulation(1, {1: 2}), ckpt_path=tmp_path / "cut.ckpt", limit_train_batches=4)
    assert trainer.global_step == epoch_ends(4, 3, 1, {1: 2})[-1]


def test_ends_of_epochs_are_those_of_a_loop_over_them_whatever_the_schedule() -> None:
    for schedule in ({}, {0: 3}, {2: 4, 5: 1}, {9: 2}, {4: 5, 0: 2}):
        ends, steps = [], 0
        for epoch in range(7):
            steps += -(-10 // accumulation(epoch, 3, schedule))
            ends.append(steps)
        assert epoch_ends(10, 7, 3, schedule) == tuple(ends)


def test_many_epochs_cost_next_to_nothing() -> None:
    start = time.process_time()
    assert epoch_ends(10, 1_000_000, 3, {5: 2, 100: 1})[-1] == 5 * 4 + 95 * 5 + 999_900 * 10
    assert time.process_time() - start < 1.0


def test_lightnings_scheduler_is_set_before_the_optimizer_is_made(tiny: Any, fit: Any) -> None:
    seen: list[tuple[int, int]] = []
    module = tiny()
    configure = module.configure_optimizers

    def reads() -> Any:
        seen.append((module.trainer.accumulate_grad_batches, module.trainer.estimated_stepping_batches))
        return configure()

    module.configure_optimizers = reads
    scheduler = GradientAccumulation(2, {2: 4})
    trainer = fit(module, scheduler, max_epochs=3)
    assert seen == [(2, 6)]
    assert isinstance(scheduler, GradientAccumulationScheduler)
    assert [scheduler.get_accumulate_grad_batches(epoch) for epoch in range(4)] == [2, 2, 4, 4]
    assert (trainer.accumulate_grad_batches, trainer.global_step) == (4, 5)


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ({0: 2}, ["2 micro-batches per optimizer step"]),
        ({0: 100}, ["4 micro-batches per optimizer step, all of an epoch (100 were requested)"]),
        (
            {0: 4, 1: 5, 2: 1},
            [
                "4 micro-batches per optimizer step",
                "4 micro-batches per optimizer step, all of an epoch (5 were requested)",
                "1 micro-batch per optimizer step",
            ],
        ),
    ],
)
def test_what_is_said_is_what_is_done(
    tiny: Any, fit: Any, caplog: Any, schedule: dict[int, int], said: list[str]
) -> None:
    with caplog.at_level("INFO", "lab.callbacks.gradient_accumulation"):
        fit(tiny(), GradientAccumulation(1, schedule))
    assert [record.message for record in caplog.records if record.name == "lab.callbacks.gradient_accumulation"] == said
