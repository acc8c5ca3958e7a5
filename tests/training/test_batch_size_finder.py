"""The batch size search: its decision, an allocation that fails, and the model restored afterwards."""

from typing import Any

import psutil
import pytest
import torch
from torch import nn

from lab.core.errors import RunError
from lab.training.batch_size_finder import SizeTrial, decide, find


def trials(*pairs: tuple[int, float | None]) -> list[SizeTrial]:
    return [SizeTrial(size, rate) for size, rate in pairs]


@pytest.mark.parametrize(
    ("table", "max_size", "by_speed", "size"),
    [
        (trials((8, 100.0)), 64, True, None),
        (trials((8, 100.0), (16, 190.0)), 64, True, None),
        (trials((8, 100.0), (16, 104.0)), 64, True, 8),  # 4 % more
        (trials((8, 100.0), (16, 104.0)), 64, False, None),  # on a GPU the search continues
        (trials((8, 100.0), (16, None)), 64, False, 8),
        (trials((8, 100.0), (16, 190.0), (32, None)), 64, True, 16),
        (trials((8, 100.0), (16, 190.0)), 31, True, 16),
        (trials((8, 100.0), (16, 190.0)), 32, True, None),
    ],
)
def test_decision(table: list[SizeTrial], max_size: int, by_speed: bool, size: int | None) -> None:
    result, reason = decide(table, max_size, by_speed)
    assert result == size
    assert (reason == "") == (size is None)


def test_not_even_the_first_size_fits() -> None:
    with pytest.raises(RunError, match=r"batch of 8 .*\n.*data\.batch_size=4") as caught:
        decide(trials((8, None)), 64, True)
    assert caught.value.kind == "oom"
    with pytest.raises(RunError, match=r"data\.max_length"):
        decide(trials((1, None)), 64, True)


def test_stops_where_the_allocation_fails_and_restores_the_model(monkeypatch: Any) -> None:
    monkeypatch.setattr("lab.training.batch_size_finder.SMALLEST_GAIN", -1e9)
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    sizes: list[int] = []

    def make_batch(size: int) -> torch.Tensor:
        sizes.append(size)
        return torch.empty(2**50) if size > 16 else torch.ones(size, 4)

    search = find(model, lambda batch: model(batch).sum(), make_batch, start=4, max_size=1024)
    assert (search.size, sizes) == (16, [4, 8, 16, 32])
    assert "32 does not fit" in search.reason
    assert [trial.samples_per_s is None for trial in search.table] == [False, False, False, True]
    assert all(tensor.equal(before[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_other_errors_pass_through() -> None:
    model = nn.Linear(4, 4)
    with pytest.raises(RuntimeError, match="shapes"):
        find(model, lambda batch: model(batch).sum(), lambda size: torch.ones(size, 3), start=4, max_size=8)


def test_stops_at_the_maximum_and_before_free_memory_runs_out(monkeypatch: Any) -> None:
    monkeypatch.setattr("lab.training.batch_size_finder.SMALLEST_GAIN", -1e9)
    model = nn.Linear(4, 4)
    search = find(model, lambda batch: model(batch).sum(), lambda size: torch.ones(size, 4), start=4, max_size=12)
    assert (search.size, len(search.table)) == (8, 2)
    peaks = iter([1.0, 2.0, 2.0, 40.0])
    monkeypatch.setattr("lab.training.batch_size_finder.peak_rss_gib", lambda: next(peaks))
    free = type("Memory", (), {"available": 50 * 2**30})
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    search = find(model, lambda batch: model(batch).sum(), lambda size: torch.ones(size, 4), start=4, max_size=1024)
    assert (search.size, search.reason) == (8, "twice as many would take most of the free memory")


def test_an_earlier_peak_does_not_hide_what_a_batch_takes(monkeypatch: Any) -> None:
    """Reading the data took 60 GiB, so the peak does not rise during the search."""
    model = nn.Linear(4, 2)
    monkeypatch.setattr("lab.training.batch_size_finder.SMALLEST_GAIN", -1e9)
    monkeypatch.setattr("lab.training.batch_size_finder.peak_rss_gib", lambda: 60.0)
    used = iter([1.0, 3.0, 42.0])
    monkeypatch.setattr("lab.training.batch_size_finder.rss_gib", lambda: next(used))
    free = type("Memory", (), {"available": 50 * 2**30})
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    search = find(model, lambda batch: model(batch).sum(), lambda size: torch.ones(size, 4), start=4, max_size=1024)
    assert (search.size, search.reason) == (8, "twice as many would take most of the free memory")
