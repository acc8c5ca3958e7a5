"""The folds of the out-of-fold logits of series: stretches of time that all groups share."""

import logging
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lab.data.series.panel import Cut, Panel
from lab.models.linear.series import SeriesLinear
from lab.training.residual import series_base
from lab.training.residual.series_base import SeriesBase, stretches

WINDOW, HORIZON, NUM, CHANNELS = 20, 5, 400, 60


def test_the_same_moment_of_all_stations_is_in_one_fold() -> None:
    hours = np.datetime64("2020-01-01", "us") + np.arange(100) * np.timedelta64(1, "h")
    one = stretches(hours)
    assert one.tolist() == [hour // 20 for hour in range(100)]
    stations = stretches(np.concatenate([hours, hours[40:], hours[:10]]))
    assert stations.tolist() == [*one, *one[40:], *one[:10]]
    assert stretches(hours[:3]).tolist() == [0, 1, 3]


class NewestSample:
    """Windows of which the newest sample is read. values: (N, C)."""

    def __init__(self, values: Any) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    def arrays(self, places: Any) -> tuple[Any, Any]:
        values = self.values[places][:, None]
        return values, np.ones_like(values, bool)


def lasting_weather(purge: int = WINDOW + HORIZON) -> Any:
    """Each channel is a bump in time, and classes last for 75 steps: only neighbours tell the class of a window."""
    distances = np.arange(NUM)[:, None] - np.linspace(0, NUM, CHANNELS)
    values = np.exp(-((distances / 5) ** 2) / 2).astype(np.float32)
    classes = ((np.arange(NUM) + 18) // 75 % 2).astype(np.int16)  # a fold's edge is in the middle of each
    panel = Panel(("bump",), values, ("",), np.array([0, NUM]), np.array([np.datetime64("2020-01-01", "us")]),
                  np.timedelta64(1, "h"))  # fmt: skip
    ends = np.arange(WINDOW - 1, NUM - HORIZON, dtype=np.int32)
    cut = Cut(ends, np.full(len(ends), WINDOW, np.int32), classes[ends])
    series = SimpleNamespace(panel=panel, splits={"train": cut}, has_times=True, horizon=HORIZON, purge=purge)
    spec = SimpleNamespace(heads=[SimpleNamespace(name="rain")], length=1)
    return SimpleNamespace(series=series, spec=spec, rows={"train": NewestSample(values[ends])})


def edge_loss(data: Any) -> float:
    """Mean negative logarithm of the probability of the class, of windows within 4 steps of a fold's edge."""
    labels = data.series.splits["train"].labels.astype(np.int64)
    features = data.rows["train"].values
    model = SeriesLinear.fit("lags", features, labels, 2, CHANNELS, penalties=[1.0])
    model = replace(model, head=replace(model.head, temperature=1.0))
    logits = SeriesBase().out_of_fold(model, data)["rain"].astype(np.float64)
    losses = np.logaddexp(logits[:, 0], logits[:, 1]) - logits[np.arange(len(labels)), labels]
    fold = np.arange(len(labels)) * 5 // len(labels)
    at_edge = [(fold[max(0, place - 4) : place + 5] != fold[place]).any() for place in range(len(labels))]
    return float(losses[at_edge].mean())


def test_windows_at_the_edge_of_a_fold_are_scored_without_their_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    purged = edge_loss(lasting_weather())
    monkeypatch.setattr(series_base, "sharing_steps", lambda panel, cut, horizon, held, more: np.zeros_like(held))
    leaking = edge_loss(lasting_weather())
    assert leaking < 0.1 < 0.65 < purged  # chance is log 2 = 0.69; such classes cannot be known


def test_a_larger_purge_of_the_split_is_that_of_the_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def sharing(panel: Any, cut: Any, horizon: int, held: Any, more: int) -> Any:
        seen.append((horizon, more))
        return np.zeros_like(held)

    monkeypatch.setattr(series_base, "sharing_steps", sharing)
    edge_loss(lasting_weather(purge=40))
    assert set(seen) == {(HORIZON, 40 - WINDOW - HORIZON)}


def test_a_fold_has_no_purge_where_too_few_windows_would_be_left(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        edge_loss(lasting_weather(purge=NUM))
    assert "a fold has no purge, since too few training windows share no step with it" in caplog.text
