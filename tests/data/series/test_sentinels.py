"""Numbers that stand for "no value" are reported with a setting; similar numbers are not."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lab.core.batches import MISSING
from lab.data.series.sentinels import sentinels, text

RANDOM = np.random.default_rng(0)
N = 11_000
RAIN = np.where(RANDOM.random(N) < 0.55, 0, RANDOM.gamma(0.8, 5, N)).round(1)
TEMPERATURE = (14 + RANDOM.normal(0, 2, N)).round(1)


def spread(values: Any, sentinel: float, share: float = 0.02) -> Any:
    return np.where(np.random.default_rng(1).random(len(values)) < share, sentinel, values)


@pytest.mark.parametrize(
    ("values", "result"),
    [
        (spread(RAIN, 99.99), ["99.99"]),
        (spread(RAIN, -99), ["-99"]),
        (spread(RAIN, 9999, 0.4), ["9999"]),
        (spread(TEMPERATURE, -999.9), ["-999.9"]),
        (spread(TEMPERATURE, 0), ["0"]),
        (spread(spread(TEMPERATURE, -99.9, 0.03), 999, 0.01), ["-99.9", "999"]),
        (np.append(spread(RAIN, 999), [54321.0]), ["999"]),  # a mistyped value beyond
        (spread(RANDOM.integers(1, 6, N), 99), ["99"]),
        (spread(RANDOM.integers(0, 2, N), -99), ["-99"]),
        (np.append(RANDOM.normal(0, 1, 60), [99.99] * 4), ["99.99"]),
    ],
)
def test_sentinels_of_missing_values_are_detected(values: Any, result: list[str]) -> None:
    assert [text(value) for value in sentinels(np.asarray(values, np.float32))] == result


@pytest.mark.parametrize(
    "values",
    [
        RAIN,
        TEMPERATURE,
        np.minimum(RANDOM.gamma(1, 20, N), 60),  # sensors that saturate
        np.clip(RANDOM.normal(85, 20, N), 0, 100),
        np.minimum(RANDOM.pareto(1, N), 50),
        np.minimum(np.exp(RANDOM.normal(0, 2, N)), 40),
        RANDOM.random(N) < 0.01,  # one-hot, binary, codes
        RANDOM.integers(0, 2, N) * 100,
        RANDOM.choice([0, 1, 2, 4, 8], N),
        RANDOM.integers(0, 24, N),
        np.where(RANDOM.random(N) < 0.95, 0, RANDOM.normal(30, 3, N)),  # irrigation, mostly none
        spread(RAIN, 99.99, 0.0004),  # twice or thrice: an outlier
        np.full(50, 3.0),
        np.full(50, np.nan),
        [1.0, 3.0] * 12,
    ],
)
def test_measurements_codes_and_limits_are_no_sentinels(values: Any) -> None:
    assert sentinels(np.asarray(values, np.float32)) == []


def weather(rain: Any) -> pd.DataFrame:
    days = pd.date_range("2000-01-01", periods=len(rain)).strftime("%Y-%m-%d")
    return pd.DataFrame({"date": days, "rain": rain, "wind": TEMPERATURE[: len(rain)]})


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_the_setting_named_takes_them_out(
    typed: Callable[..., Any], caplog: pytest.LogCaptureFixture, name: str
) -> None:
    panel = typed(name, weather(spread(RAIN[:3000], 99.99)))
    assert "column 'rain': 99.99 in " in caplog.text
    assert "'wind'" not in caplog.text
    setting = caplog.text.split("missing value: ")[1].split("\n")[0].strip("'")
    caplog.clear()
    clean = typed(name, None, setting)
    assert np.isnan(clean.values[:, 0]).sum() == (panel.values[:, 0] == np.float32(99.99)).sum() > 0
    assert not caplog.text


def test_numbers_and_words_of_data_missing_are_missing_in_inputs_and_labels(typed: Callable[..., Any]) -> None:
    table = weather(RAIN[:60]).assign(kind=["wet", "dry", "s/d"] * 20, code=[1.0, 2.0, -9.0] * 20)
    table["wind"] = [*map(str, TEMPERATURE[:58]), "s/d", "-9.00"]
    settings = ('data.missing_markers=["s/d",-9]', "data.features=[rain,wind]")
    panel = typed("a.csv", table, "data.label=kind", *settings)
    assert panel.classes == ("dry", "wet")
    assert (panel.codes == MISSING).sum() == 20
    assert np.flatnonzero(np.isnan(panel.values[:, 1])).tolist() == [58, 59]
    assert typed("a.csv", table, "data.label=code", *settings).classes == ("1", "2")
