"""The generated weather: the same again from the same numbers, with gaps, seasons and something to foretell."""

import numpy as np

from lab.data.series.rainfall import COLUMNS, generate


def test_equal_arguments_give_equal_weather_and_more_stations_keep_the_first() -> None:
    one, again, more = generate(2, 600, 0.02, 5), generate(2, 600, 0.02, 5), generate(3, 600, 0.02, 5)
    assert np.array_equal(one.values, again.values, equal_nan=True)
    assert np.array_equal(one.values, more.values[:1200], equal_nan=True)
    assert not np.array_equal(one.values, generate(2, 600, 0.02, 6).values, equal_nan=True)
    assert more.groups == ("E01", "E02", "E03")


def test_about_the_requested_share_is_missing_in_runs() -> None:
    gap = np.isnan(generate(4, 5000, 0.05, 0).values)
    assert 0.03 < gap.mean() < 0.07
    assert gap[1:][gap[:-1]].mean() > 0.6, "an hour without a value is followed by another"
    assert not np.isnan(generate(1, 600, 0.0, 0).values).any()


def test_weather_is_plausible_and_pressure_falls_before_rain() -> None:
    values = generate(4, 9000, 0.0, 1).values
    rain = values[:, COLUMNS.index("rain")]
    wet = rain > 0
    assert 0.1 < wet.mean() < 0.4
    assert wet[1:][wet[:-1]].mean() > 2 * wet.mean(), "storms last"
    pressure = values[:, COLUMNS.index("pressure")].reshape(4, -1)
    apart = pressure - pressure.mean(1, keepdims=True)
    assert apart.reshape(-1)[:-6][wet[6:]].mean() < apart.mean() - 0.5
