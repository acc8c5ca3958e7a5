"""A hundred simulated workers: the same study every time, no trial lost to kills, and few seconds of overhead."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.sweep.simulation import Costs
from benchmarks.sweep.workers import Scale, simulate
from lab.sweep.storage import shared_controller
from lab.sweep.study import loop

COSTS = Costs(write_s=0.003, read_s=0.002, read_trial_s=0.0001, lock_s=0.01)
HUNDRED = Scale(controllers=10, slots=10, trials=200, costs=COSTS, num_epochs=4)


def test_a_hundred_workers_give_the_same_study_every_time(tmp_path: Path) -> None:
    first = simulate(HUNDRED, tmp_path)
    assert first == simulate(HUNDRED, tmp_path)
    assert first["workers"] == 100
    assert first["trials"] == first["starts"] == sum(first["states"].values()) == 200
    assert first["states"]["PRUNED"] > 0
    assert first["reports"] >= 200
    assert first["answer_s"]["median"] < 1 < first["makespan_s"]
    assert 0 < first["storage_share"] < first["busy_share"] < 1
    assert list(tmp_path.iterdir()) == []
    assert shared_controller.time is loop.time is time, "the real clock is back"


def test_killed_controllers_lose_no_trial_and_their_trials_start_again(tmp_path: Path) -> None:
    kills = [(0, 30.0), (3, 100.0), (9, 200.0)]
    result = simulate(replace(HUNDRED, kills=kills), tmp_path)
    assert result["trials"] == sum(result["states"].values()) == 200
    assert result["starts"] > 200
    assert result == simulate(replace(HUNDRED, kills=kills), tmp_path)


def test_controllers_that_wait_long_for_the_lock_keep_their_trials(tmp_path: Path) -> None:
    """They mark them in the meantime: else others would take over what runs, and the study would hardly get on."""
    costs = replace(COSTS, lock_s=8.0)
    result = simulate(Scale(controllers=20, slots=2, trials=60, costs=costs, num_epochs=10), tmp_path)
    assert result["lock_s"]["p99"] > shared_controller.SILENT_S
    assert result["trials"] == result["starts"] == 60


def test_a_slow_storage_makes_trials_wait(tmp_path: Path) -> None:
    small = replace(HUNDRED, controllers=3, slots=5, trials=30)
    slow = replace(small, costs=replace(COSTS, write_s=0.3))
    assert simulate(slow, tmp_path)["answer_s"]["median"] > 10 * simulate(small, tmp_path)["answer_s"]["median"]


def test_an_error_of_a_controller_ends_the_simulation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.sweep.workers.SimulatedPool.start", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        simulate(replace(HUNDRED, controllers=2, slots=1, trials=2), tmp_path)
