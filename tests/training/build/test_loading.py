"""How batches are loaded on a CPU and on a GPU. Not run on a GPU here: the rules are pure functions."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from lab.core.batches import HeadSpec, SeriesSpec, TextSpec
from lab.training.build.loading import loader_processes, pinned, width_multiple
from lab.training.build.trainer import Hardware

CPU, GPU = Hardware("cpu", "32-true", None), Hardware("gpu", "bf16-mixed", None)
HEADS = (HeadSpec("class", ("a", "b"), (1, 1)),)
TEXTS = TextSpec(HEADS, 100, 0, 512)
SERIES = SeriesSpec(HEADS, ("x",) * 5, 1440)


def data(num_workers: int | str = "auto", batch_size: int = 256) -> Any:
    return cast(Any, SimpleNamespace(num_workers=num_workers, batch_size=batch_size))


def test_loader_processes_are_for_large_batches_of_series_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 16)
    assert loader_processes(data(), SERIES, GPU) == 4
    assert loader_processes(data(batch_size=32), SERIES, GPU) == 0, "such a batch is made in a millisecond"
    assert loader_processes(data(), SERIES, CPU) == 0
    assert loader_processes(data(), TEXTS, GPU) == 0
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    assert loader_processes(data(), SERIES, GPU) == 2, "half of the threads that a trial of a sweep has"


def test_a_number_of_loader_processes_is_kept_everywhere() -> None:
    assert [loader_processes(data(3), spec, where) for spec in (SERIES, TEXTS) for where in (CPU, GPU)] == [3] * 4
    assert loader_processes(data(0), SERIES, GPU) == 0


@pytest.mark.parametrize("precision", ["16-mixed", "bf16-mixed", "16-true", "bf16-true"])
def test_widths_are_multiples_of_eight_in_half_precision_on_a_gpu_only(precision: str) -> None:
    assert width_multiple(Hardware("gpu", precision, None)) == 8
    assert width_multiple(Hardware("cpu", precision, None)) == 1
    assert width_multiple(Hardware("gpu", "32-true", None)) == 1
    assert width_multiple(Hardware("gpu", "64-true", None)) == 1


def test_data_of_a_custom_module_are_not_pinned() -> None:
    assert not pinned(cast(Any, SimpleNamespace(data=object())), GPU)
