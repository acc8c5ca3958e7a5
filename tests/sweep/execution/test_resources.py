"""How many jobs run at once, and which GPUs each gets."""

import pytest

from lab.core.processes import devices
from lab.sweep.execution.process_launcher import ProcessLauncher
from lab.sweep.execution.resources import gpus_of_slots, most_devices, num_slots


@pytest.mark.parametrize(
    ("requested", "gpus", "cpus", "devices", "slots"),
    [(None, 0, 2, 1, 2), (None, 0, 64, 1, 4), (None, 8, 64, 1, 8), (3, 8, 64, 1, 3), (None, 8, 64, 2, 4),
     (None, 5, 64, 2, 2), (None, 0, 1, 1, 1), (None, 0, 2, 2, 1), (None, 0, 64, 2, 2), (None, 1, 64, 2, 1),
     (3, 8, 64, 2, 3)],
)  # fmt: skip
def test_slots(requested: int | None, gpus: int, cpus: int, devices: int, slots: int) -> None:
    assert num_slots(requested, gpus, cpus, devices) == slots


def test_each_slot_has_its_gpus() -> None:
    assert gpus_of_slots(["4", "5"], 1) == ["4", "5"]
    assert gpus_of_slots(["0", "1", "2", "3", "4"], 2) == ["0,1", "2,3"]
    assert gpus_of_slots(["0"], 2) == ["0"]
    assert gpus_of_slots([], 2) == []


def test_a_slot_is_large_enough_for_every_job() -> None:
    assert most_devices([None, 1, "2", "[0,1,2]"]) == 3
    assert most_devices([]) == 1
    assert most_devices([2, "auto"], every=4) == most_devices([2, -1], every=4) == 4


def test_devices_of_jobs_decide_on_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    from omegaconf import OmegaConf

    launcher = ProcessLauncher(None, None, [], {})
    config = OmegaConf.create({"trainer": {"devices": 1}})
    launcher.setup(hydra_context=None, task_function=None, config=config)  # type: ignore[arg-type]
    monkeypatch.setattr(devices, "usable_gpus", lambda: ["0", "1", "2", "3"])
    assert (launcher.pool(None, 9).slots, launcher.pool(None, 9).gpus) == (4, ["0", "1", "2", "3"])
    for pool in (
        launcher.pool(None, 9, ["trainer.devices=2"]),
        launcher.pool(None, 9, choices=[("trainer.devices", 1), ("trainer.devices", 2)]),
    ):
        assert (pool.slots, pool.gpus) == (2, ["0,1", "2,3"])


@pytest.mark.parametrize(
    ("words", "slots", "gpus"),
    [([], 1, ["0,1,2,3"]), (["trainer.accelerator=cpu"], 4, ["0", "1", "2", "3"])],
)
def test_a_job_on_all_devices_has_all_gpus(
    monkeypatch: pytest.MonkeyPatch, words: list[str], slots: int, gpus: list[str]
) -> None:
    from omegaconf import OmegaConf

    monkeypatch.setattr(devices, "usable_gpus", lambda: ["0", "1", "2", "3"])
    launcher = ProcessLauncher(None, None, [], {})
    config = OmegaConf.create({"trainer": {"devices": "auto", "accelerator": "auto"}})
    launcher.setup(hydra_context=None, task_function=None, config=config)  # type: ignore[arg-type]
    pool = launcher.pool(None, 9, words)
    assert (pool.slots, pool.gpus) == (slots, gpus)
    assert launcher.pool(2, 9).gpus == ["0,1", "2,3"]
