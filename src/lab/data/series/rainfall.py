"""Seeded hourly weather at several stations: the built-in time series, with the properties of real ones.

Storms follow a two-state chain whose odds depend on the season, the hour and a slow regional front that all stations
share, so that pressure and humidity predict a station's rain hours before. Outages remove runs of hours from single
columns. Cost: about 2 microseconds per row. Not a model of a real place: the numbers are chosen to look plausible.
"""

import numpy as np
import numpy.typing as npt

from lab.data.series.panel import Floats, Panel

Doubles = npt.NDArray[np.float64]
COLUMNS = ("rain", "temperature", "humidity", "pressure", "wind")
START = np.datetime64("2018-01-01T00:00:00", "s")
FRONT_MEMORY, LOCAL_MEMORY = 0.985, 0.9
"""Hour-to-hour correlation of the regional front and of a station's own weather."""
OUTAGE_H = 6.0
"""Mean length of an outage."""
STORM_STAYS = 0.8
"""Probability that rain continues for another hour."""


def generate(stations: int, hours: int, gap_share: float, seed: int) -> Panel:
    """Return `stations` groups of `hours` rows. The same arguments give the same panel; with more stations the first
    ones stay the same. gap_share: share of missing values."""
    front = _memory(np.random.default_rng((seed, 0)).standard_normal(hours + 12), FRONT_MEMORY)
    values = np.empty((stations * hours, len(COLUMNS)), np.float32)
    for station in range(stations):
        random = np.random.default_rng((seed, 1 + station))
        part = values[station * hours : (station + 1) * hours]
        part[:] = _station(front, hours, random)
        _cut(part, gap_share, random)
    names = tuple(f"E{number + 1:02d}" for number in range(stations))
    starts = np.arange(stations + 1, dtype=np.int64) * hours
    return Panel(COLUMNS, values, names, starts, np.full(stations, START), np.timedelta64(3600, "s"))


def _station(front: Doubles, hours: int, random: np.random.Generator) -> Floats:
    """(hours, columns); the front reaches pressure and wind six hours before humidity and rain."""
    hour = np.arange(hours)
    year, day = 2 * np.pi * hour / (24 * 365.25), 2 * np.pi * (hour % 24) / 24
    height, lag = random.uniform(-1, 1), int(random.integers(0, 4))
    own = _memory(random.standard_normal(hours), LOCAL_MEMORY)
    coming, here = front[12 - lag :][:hours], front[6 - lag :][:hours]
    wet = 1.6 * here + 0.7 * own + 0.9 * np.cos(year) - 0.6 * np.cos(day - np.pi / 4) - 2.8
    raining = _storms(1 / (1 + np.exp(-wet)), random.random(hours))
    rain = raining * np.maximum(random.gamma(0.9, 1.6, hours) * np.exp(0.4 * here), 0.2)
    noise = random.standard_normal((4, hours))
    temperature = 14 - 4 * height + 2 * np.cos(year) - 4 * np.cos(day) - 1.5 * raining - here + 0.6 * noise[0]
    humidity = np.clip(68 + 9 * here + 5 * own + 8 * raining + 6 * np.cos(day) + 2 * noise[1], 5, 100)
    pressure = 740 + 12 * height - 2.2 * coming + 0.8 * np.cos(2 * day) + 0.4 * noise[2]
    wind = np.exp(0.6 + 0.25 * coming + 0.3 * noise[3])
    return np.stack([rain, temperature, humidity, pressure, wind], 1).astype(np.float32)


def _storms(odds: Doubles, dice: Doubles) -> Floats:
    """0 or 1 per hour: rain begins by the odds of the hour and continues by higher odds."""
    storms, wet = np.zeros(len(dice), np.float32), False
    for hour, (start, die) in enumerate(zip(odds.tolist(), dice.tolist(), strict=True)):
        wet = die < (STORM_STAYS + 0.2 * start if wet else 0.6 * start)
        storms[hour] = wet
    return storms


def _memory(noise: Doubles, rho: float) -> Doubles:
    """An autoregressive series of unit variance from white noise."""
    from scipy.signal import lfilter

    series: Doubles = lfilter([np.sqrt(1 - rho**2)], [1, -rho], noise)
    return series


def _cut(values: Floats, share: float, random: np.random.Generator) -> None:
    """Cut outages in place, about `share` of each column, none of them in the first hour."""
    hours, columns = values.shape
    for place in range(columns):
        starts = np.flatnonzero(random.random(hours) < share / OUTAGE_H)
        for start, length in zip(starts, random.geometric(1 / OUTAGE_H, len(starts)), strict=True):
            values[max(1, start) : start + length, place] = np.nan
