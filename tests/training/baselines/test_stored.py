"""Outputs in the cache folder: computed once, made again where they are damaged, never the loss of a baseline."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lab.data.cache.entry_locks import unlock_all
from lab.data.cache.store import PARTS, prune
from lab.training.baselines.stored import ABOUT, ARRAYS, PART, Outputs, obtain

KEY = {"data": "fingerprint", "name": "linear", "version": 1}


def counting(calls: list[int]) -> Callable[[], Outputs]:
    def compute() -> Outputs:
        calls.append(1)
        return Outputs({"val/0": np.arange(6, dtype=np.float32).reshape(3, 2)}, "fitted on a sample")

    return compute


def entry(cache: Path) -> Path:
    (found,) = [path for path in (cache / PART).iterdir() if path.is_dir()]
    return found


def test_outputs_are_computed_once_per_key(tmp_path: Path) -> None:
    calls: list[int] = []
    first, second = (obtain(tmp_path, KEY, counting(calls)) for _ in range(2))
    assert len(calls) == 1
    assert np.array_equal(first.arrays["val/0"], second.arrays["val/0"])
    assert first.note == second.note == "fitted on a sample"
    obtain(tmp_path, KEY | {"data": "other"}, counting(calls))
    assert len(calls) == 2


@pytest.mark.parametrize("name", [ARRAYS, ABOUT])
def test_a_damaged_entry_is_made_again(tmp_path: Path, name: str) -> None:
    calls: list[int] = []
    obtain(tmp_path, KEY, counting(calls))
    (entry(tmp_path) / name).write_bytes(b"damaged")
    again = obtain(tmp_path, KEY, counting(calls))
    assert len(calls) == 2
    assert again.arrays["val/0"].shape == (3, 2)
    assert len(obtain(tmp_path, KEY, counting(calls)).arrays) == 1
    assert len(calls) == 2


def test_entries_count_for_the_limit_of_the_cache(tmp_path: Path) -> None:
    assert PART in PARTS
    obtain(tmp_path, KEY, counting([]))
    unlock_all()
    for path in (entry(tmp_path), *entry(tmp_path).iterdir()):
        import os

        os.utime(path, (0, 0))
    assert prune(tmp_path, 0.0) == 1
    assert not any(path.is_dir() for path in (tmp_path / PART).iterdir())


def test_a_folder_that_cannot_be_written_costs_the_entry_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / PART).write_text("a file in the way")
    with caplog.at_level(logging.WARNING):
        outputs = obtain(tmp_path, KEY, counting([]))
    assert outputs.note == "fitted on a sample"
    assert "not kept in the cache" in caplog.text
