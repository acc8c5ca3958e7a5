"""Baselines that are fitted in a copy of the process, beside the training."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lab.config.schema import Cache
from lab.core.processes.background import Background
from lab.training.baselines import at_end, beside
from lab.training.baselines.base import Baseline, notes, recorded
from lab.training.baselines.fitted import SimpleModel, fitted_baseline, key_of
from lab.training.baselines.stored import PART, Outputs, Patience, obtain

ROWS = {"val": np.arange(3), "test": np.arange(2)}


def model(fails: bool = False) -> SimpleModel:
    """Its output is the number of the process that has computed it."""

    def compute() -> Outputs:
        if fails and os.getpid() != RUN:
            raise ValueError("no luck")
        return Outputs({"pid": np.array([os.getpid()])})

    return SimpleModel(
        "stub", {}, compute, lambda outputs: Baseline("stub", {"test": {"pid": outputs.arrays["pid"][0]}})
    )


RUN = os.getpid()


def sleeping(seconds: float) -> Callable[[], Outputs]:
    def compute() -> Outputs:
        time.sleep(seconds)
        return Outputs({"pid": np.array([os.getpid()])})

    return compute


@pytest.fixture
def config(tmp_path: Path) -> Any:
    return SimpleNamespace(
        baselines=SimpleNamespace(enabled=True), cache=Cache.model_construct(dir=str(tmp_path), max_gib=1.0),
        trainer=SimpleNamespace(devices=1, num_nodes=1, fast_dev_run=False), data=None,
    )  # fmt: skip


@pytest.fixture
def material(monkeypatch: pytest.MonkeyPatch) -> Any:
    class Data:
        def lengths(self, split: str) -> Any:
            return np.zeros(5000 if split == "train" else 3)

    monkeypatch.setattr(beside, "DataModule", Data)
    monkeypatch.setattr(beside, "is_possible", lambda: True)

    def models(config: Any, of: Any, rows: Any) -> Iterator[Any]:
        yield of.model, "fingerprint", rows

    monkeypatch.setattr(beside, "simple_models", models)
    return SimpleNamespace(data=Data(), scored_rows=ROWS, model=model())


def test_the_run_finds_what_the_copy_has_fitted(config: Any, material: Any) -> None:
    with Background() as background:
        beside.start_beside(background, config, material, None)
        assert background.wait()
    found = fitted_baseline(material.model, "fingerprint", ROWS, config.cache)
    assert found.scores["test"]["pid"] not in (0, RUN)


def test_what_failed_there_is_fitted_by_the_run(config: Any, material: Any) -> None:
    material.model = model(fails=True)
    with Background() as background:
        beside.start_beside(background, config, material, None)
        assert not background.wait()
    assert fitted_baseline(material.model, "fingerprint", ROWS, config.cache).scores["test"]["pid"] == RUN


def test_a_copy_that_was_killed_leaves_nothing_that_is_read(config: Any, material: Any, tmp_path: Path) -> None:
    key = key_of(material.model, "fingerprint", ROWS)
    with Background() as background:
        background.start(lambda: obtain(tmp_path, key, lambda: os._exit(9)))
        assert not background.wait()
    assert fitted_baseline(material.model, "fingerprint", ROWS, config.cache).scores["test"]["pid"] == RUN


@pytest.mark.parametrize("most_s", [0.3, None])
def test_what_a_sleeping_copy_has_not_fitted_is_a_named_gap(
    config: Any, material: Any, monkeypatch: pytest.MonkeyPatch, most_s: float | None
) -> None:
    """What it has fitted before is taken from the cache; without a limit the copy is waited for."""
    quick, slow = model(), replace(model(), name="slow", compute=sleeping(600.0 if most_s else 0.5))

    def both(config: Any, of: Any, rows: Any) -> Iterator[Any]:
        yield from ((each, "fingerprint", rows) for each in (quick, slow))

    for module in (beside, at_end):
        monkeypatch.setattr(module, "simple_models", both)
    place, material.spec = Path(config.cache.dir), SimpleNamespace(heads=())
    material.task = SimpleNamespace(time_blocks=lambda *_: None)
    with Background() as background:
        beside.start_beside(background, config, material, None)
        while not (place / PART).is_dir() or not [each for each in (place / PART).iterdir() if each.name[0] != "."]:
            time.sleep(0.01)
        gap = at_end._awaited(background, Patience() if most_s is None else Patience(most_s))
        assert not background.is_running
    first, second = at_end.fitted(config, material, ROWS, decides=False, gap=gap)
    assert first.scores["test"]["pid"] not in (0, RUN)
    if most_s is None:
        assert second.scores["test"]["pid"] not in (0, RUN)
        return
    assert recorded([second]) == {"slow": {"note": "not fitted 0.3 s after the test (baselines.max_wait_s)"}}
    assert notes([first, second]) == ["slow: not fitted 0.3 s after the test (baselines.max_wait_s)"]


def test_a_baseline_that_is_left_out_does_not_wait_for_another_run_that_fits_it(config: Any, material: Any) -> None:
    place = Path(config.cache.dir)
    with Background() as other:
        other.start(lambda: obtain(place, key_of(material.model, "fingerprint", ROWS), sleeping(600.0)))
        while not list(place.glob(f"{PART}/.*/")):  # the entry that it makes, under its lock
            time.sleep(0.01)
        assert fitted_baseline(material.model, "fingerprint", ROWS, config.cache, gap="no time").note == "no time"
        assert other.is_running


@pytest.mark.parametrize("why", ["sweep", "disabled", "fast", "ranks", "few", "one core", "full"])
def test_runs_without_room_or_need_start_none(
    config: Any, material: Any, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    if why == "disabled":
        config.baselines.enabled = False
    if why == "fast":
        config.trainer.fast_dev_run = True
    if why == "ranks":
        config.trainer.devices = 2
    if why == "few":
        monkeypatch.setattr(beside, "FEWEST_ROWS", 5001)
    if why == "one core":
        monkeypatch.setattr(beside, "is_possible", lambda: False)
    if why == "full":
        monkeypatch.setattr(os, "fork", lambda: (_ for _ in ()).throw(OSError("no process left")))
    with Background() as background:
        beside.start_beside(background, config, material, {"study": "s"} if why == "sweep" else None)
        assert not background.is_running
