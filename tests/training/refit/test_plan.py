"""A refit is as many passes as the first fit made up to its chosen checkpoint, and nothing stops it early."""

import pytest
from hydra import compose, initialize_config_dir

from lab.config.check import check
from lab.config.schema import Config, Labelled
from lab.config.shipped import CONF
from lab.core.batches import HeadSpec, TextSpec
from lab.training.refit.plan import is_refitted, longer, refit_config, scaled_step

SPEC = TextSpec((HeadSpec("cause", ("a", "b"), (3, 4)),), 100, 0, 17)


def config_of(*typed: str) -> Config:
    with initialize_config_dir(str(CONF)):
        return check(compose("config", ["data.split.refit=true", *typed]))


@pytest.mark.parametrize(
    ("step", "refit"), [(10, 12), (20, 24), (25, 30), (28, 34), (1, 1), (35, 34)]
)  # the last epoch is cut by trainer.max_steps
def test_steps_are_scaled_by_the_epoch(step: int, refit: int) -> None:
    assert scaled_step(step, (10, 20, 28), (12, 24, 34)) == refit


def test_a_schedule_of_accumulation_makes_epochs_of_unequal_steps() -> None:
    assert scaled_step(14, (10, 14), (12, 18)) == 18
    assert scaled_step(12, (10, 14), (12, 18)) == 15


def test_nothing_stops_a_refit_early() -> None:
    config = config_of("callbacks.early_stopping.patience=2", "trainer.max_time=00:01:00:00", "trainer.max_steps=50")
    settings = refit_config(config, SPEC)
    assert isinstance(settings.data, Labelled)
    assert settings.data.split.train_on_val
    assert settings.data.max_length == 17
    assert settings.callbacks.early_stopping.patience is None
    assert settings.trainer.max_time is None
    assert settings.trainer.max_epochs == config.trainer.max_epochs
    assert longer(settings, 1.2).trainer.max_steps == 60
    assert not is_refitted(settings)


@pytest.mark.parametrize(
    ("typed", "refitted"),
    [
        ([], True),
        (["trainer.fast_dev_run=true"], False),
        (["data=ucr", "model=minirocket"], False),
        (["data=ucr", "model=inception_time"], True),
        (["data=qa_demo", "model=tiny"], True),
        (["data=rainfall", "model=inception_time"], True),
    ],
)
def test_only_runs_that_hold_rows_out_are_refitted(typed: list[str], refitted: bool) -> None:
    assert is_refitted(config_of(*typed)) is refitted
