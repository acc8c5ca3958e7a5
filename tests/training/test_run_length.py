"""Steps, epochs and validations of a run, from its config and the number of its batches."""

from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir

from lab.config.check import check
from lab.core.errors import RequestError
from lab.training.run_length import batch_limits, epoch_end_steps, refuse_misplaced_validations

CONF = Path(__file__).resolve().parents[2] / "conf"


def config_of(*options: str) -> Any:
    with initialize_config_dir(str(CONF)):
        return check(compose("config", ["trainer.max_epochs=3", *options]))


@pytest.mark.parametrize(
    ("options", "ends"),
    [
        ((), (10, 20, 30)),
        (("trainer.max_steps=15",), (10, 15)),
        (("trainer.max_steps=10",), (10,)),
        (("trainer.max_steps=4",), (4,)),
        (("trainer.max_steps=100",), (10, 20, 30)),
        (("trainer.max_epochs=null", "trainer.max_steps=45"), (10, 20, 30, 40, 45)),
        (("trainer.max_epochs=null", "trainer.max_steps=7", "callbacks.accumulate.schedule={0:5,1:1}"), (2, 7)),
        (("trainer.fast_dev_run=true",), (10,)),
    ],
)
def test_epoch_end_steps(options: tuple[str, ...], ends: tuple[int, ...]) -> None:
    assert epoch_end_steps(config_of(*options), 10) == ends


def test_batch_limits() -> None:
    assert batch_limits(config_of("trainer.fast_dev_run=2")) == {"train": 2, "val": 2, "test": 2}
    overfit = config_of("trainer.overfit_batches=3", "trainer.limit_test_batches=0.5")
    assert batch_limits(overfit) == {"train": 3, "val": 3, "test": 0.5}
    assert batch_limits(config_of("trainer.limit_val_batches=1")) == {"train": 1.0, "val": 1, "test": 1.0}


ACROSS = "trainer.check_val_every_n_epoch=null"


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        (("trainer.val_check_interval=0.5",), None),
        (("trainer.val_check_interval=1",), None),
        (("trainer.val_check_interval=11",), "trainer.val_check_interval=10"),
        (("trainer.val_check_interval=0.3", "trainer.accumulate_grad_batches=2"), "trainer.val_check_interval=4"),
        (("trainer.val_check_interval=4", "trainer.accumulate_grad_batches=2"), None),
        (("trainer.val_check_interval=0.5", "trainer.accumulate_grad_batches=16"), "trainer.val_check_interval=1.0"),
        (("trainer.val_check_interval=2", "callbacks.accumulate.schedule={0:2,1:4}"), "trainer.val_check_interval=4"),
        ((ACROSS, "trainer.val_check_interval=31"), "trainer.val_check_interval=30"),
        ((ACROSS, "trainer.val_check_interval=7"), None),
        (("trainer.fast_dev_run=true", "trainer.val_check_interval=11"), None),
    ],
)
def test_validations_fall_on_the_end_of_an_optimizer_step(options: tuple[str, ...], remedy: str | None) -> None:
    config = config_of(*options)
    if remedy is None:
        refuse_misplaced_validations(config, 10)
        return
    with pytest.raises(RequestError) as caught:
        refuse_misplaced_validations(config, 10)
    assert caught.value.mistakes[0].remedy == remedy
    refuse_misplaced_validations(config_of(*options, remedy), 10)
