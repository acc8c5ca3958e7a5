"""A baseline that cannot be fitted is a named gap; a large training split is sampled, the same for every run."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lab.config.schema import BaselinesConfig, Cache
from lab.training.baselines.base import Baseline
from lab.training.baselines.fitted import NotFitted, SimpleModel, drawn, fitted_baseline
from lab.training.baselines.stored import PART, Outputs

ROWS = {"val": np.arange(3), "test": np.arange(4)}


def cache(folder: Path) -> Cache:
    return Cache(dir=str(folder), max_gib=1, hidden_states=False, dtype="auto")


def model(compute: Callable[[], Outputs], **settings: object) -> SimpleModel:
    return SimpleModel("linear", settings, compute, lambda outputs: Baseline("linear", note=outputs.note))


def test_what_the_data_lack_is_the_note(tmp_path: Path) -> None:
    def compute() -> Outputs:
        raise NotFitted("train has one class only")

    assert fitted_baseline(model(compute), "data", ROWS, cache(tmp_path)).note == "train has one class only"
    assert not [path for path in (tmp_path / PART).iterdir() if path.is_dir()], "no entry is left half made"


@pytest.mark.parametrize("error", [ValueError("empty vocabulary\nmore"), MemoryError(), FloatingPointError("overflow")])
def test_any_failure_is_a_gap_with_its_reason(tmp_path: Path, error: Exception) -> None:
    def compute() -> Outputs:
        raise error

    note = fitted_baseline(model(compute), "data", ROWS, cache(tmp_path)).note
    assert note is not None
    assert note.startswith(f"could not be fitted: {type(error).__name__}")
    assert "more" not in note


def test_other_rows_data_and_settings_are_other_entries(tmp_path: Path) -> None:
    calls: list[int] = []

    def compute() -> Outputs:
        calls.append(1)
        return Outputs({})

    for data, rows, settings in (
        ("data", ROWS, {}), ("data", ROWS, {}), ("other", ROWS, {}), ("data", ROWS | {"val": np.arange(1, 4)}, {}),
        ("data", ROWS, {"max_rows": 5}),
    ):  # fmt: skip
        fitted_baseline(model(compute, **settings), data, rows, cache(tmp_path))
    assert len(calls) == 4


def test_at_most_max_rows_are_drawn() -> None:
    config = BaselinesConfig(max_rows=10)
    places, note = drawn(10, config)
    assert (places.tolist(), note) == (list(range(10)), None)
    places, note = drawn(1000, config)
    assert len(set(places.tolist())) == 10
    assert places.tolist() == sorted(places.tolist()) == drawn(1000, config)[0].tolist()
    assert note == "fitted on 10 of 1,000 training rows"
