"""The reference of series: the rows that lie in a training window, and the share of missing values of the table."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lab.core.batches import HeadSpec
from lab.data.series.panel import Cut
from lab.training.reference import series

HEAD = HeadSpec("class", ("a", "b"), (1, 1))


def data(missing: int = 0) -> Any:
    values = np.arange(20, dtype=np.float32).reshape(10, 2)
    cut = Cut(np.array([3, 4], np.int32), np.array([3, 3], np.int32), np.array([0, 1], np.int16))
    panel = SimpleNamespace(values=values, columns=("rain", "wind", "day sine"))
    return SimpleNamespace(
        spec=SimpleNamespace(heads=(HEAD,)),
        series=SimpleNamespace(
            panel=panel, splits={"train": cut}, num_measured=2, facts={"missing": {"rain": missing, "wind": 0}}
        ),
    )


def test_values_are_those_of_training_windows_each_row_once() -> None:
    reference = series.series_reference(data())
    assert list(reference.numbers) == ["value/rain", "value/wind"]
    rain = reference.numbers["value/rain"].histogram
    assert (rain.num, rain.quantile(0.2), rain.quantile(1)) == (4, 2.0, 8.0)
    assert reference.heads["class"].counts.tolist() == [1, 1]


def test_the_missing_share_is_that_of_the_table() -> None:
    rain = series.series_reference(data(missing=5)).numbers["value/rain"].histogram
    assert rain.missing / (rain.num + rain.missing) == pytest.approx(0.5)


def test_rows_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series, "MOST_ROWS", 2)
    assert series.train_rows(data()).tolist() == [1, 4]
