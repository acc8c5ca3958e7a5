"""Limits of steps and time end a fit where an optimizer step ends, and it is validated there."""

from typing import Any

import pytest

from lab.callbacks.gradient_accumulation import GradientAccumulation
from lab.callbacks.loop.limits import StepLimit, TimeLimit

SCORES = {"val/score": [0.5] * 9}


class ByStep(TimeLimit):
    """A clock that shows a second per training batch of the fit."""

    trainer: Any = None

    def on_fit_start(self, trainer: Any, *args: Any, **kwargs: Any) -> None:
        self.trainer = trainer
        super().on_fit_start(trainer, *args, **kwargs)

    def time_elapsed(self, stage: Any = None) -> float:
        return float(self.trainer.fit_loop.epoch_loop.batch_progress.total.ready) if self.trainer else 0.0


def validations(trainer: Any) -> int:
    return int(trainer.fit_loop.epoch_loop.val_loop.batch_progress.total.ready)


@pytest.mark.parametrize("min_epochs", [0, 3])
def test_the_last_step_is_validated_whatever_the_epoch_and_the_least_length(
    tiny: Any, fit: Any, min_epochs: int
) -> None:
    limit = StepLimit(6)
    trainer = fit(tiny(SCORES), limit, max_epochs=5, min_epochs=min_epochs, min_steps=9, check_val_every_n_epoch=3)
    assert (trainer.global_step, limit.reason) == (6, "all 6 optimizer steps done")
    assert validations(trainer) == 4, "in the second epoch, which is not to be validated"


def test_without_reaching_it_there_is_no_reason(tiny: Any, fit: Any) -> None:
    limit = StepLimit(100)
    assert fit(tiny(SCORES), limit).global_step == 12
    assert limit.reason is None


def test_time_ends_a_fit_at_the_end_of_a_step(tiny: Any, fit: Any) -> None:
    limit = ByStep("00:00:00:01")
    trainer = fit(tiny(SCORES), GradientAccumulation(2), limit, max_epochs=5)
    assert (trainer.global_step, validations(trainer)) == (1, 4)
    assert limit.reason == "trainer.max_time=00:00:00:01 is over after 1 optimizer steps"


def test_time_waits_for_the_least_number_of_steps(tiny: Any, fit: Any) -> None:
    assert fit(tiny(SCORES), ByStep("00:00:00:01"), max_epochs=5, min_steps=6).global_step == 6
    assert fit(tiny(SCORES), ByStep("00:00:00:09"), max_epochs=5, min_epochs=3).global_step == 12
    assert fit(tiny(SCORES), ByStep("00:00:01:00")).global_step == 12
