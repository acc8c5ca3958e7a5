"""Writes a daily weather table as a station exports it, for the recipe "Rain or no rain with Timer-XL".

    python examples/recipes/weather.py [FILE] [YEARS]

`weather.csv`: semicolons, decimal commas, days as 31/12/2024, -99 for a missing value, one day twice. Rain follows the
season, the pressure of the days before, and chance.
"""

import csv
import math
import random
import sys
from datetime import date, timedelta
from pathlib import Path


def main() -> None:
    path, years = sys.argv[1] if len(sys.argv) > 1 else "weather.csv", int(sys.argv[2]) if len(sys.argv) > 2 else 8
    dice, day, pressure, rows = random.Random(11), date(2010, 1, 1), 0.0, []
    while day.year < 2010 + years:
        season = math.cos(math.tau * day.timetuple().tm_yday / 365.25)
        wet = dice.random() < 1 / (1 + math.exp(1.2 - 1.5 * season + 1.6 * pressure))  # the pressure of the day before
        pressure = 0.8 * pressure + dice.gauss(0, 1)
        rain = round(dice.expovariate(0.2), 1) if wet else 0.0
        humidity = 70 + 12 * season + 8 * wet - 3 * pressure + dice.gauss(0, 4)
        values = [rain, 14 + 3 * season - 1.5 * wet + dice.gauss(0, 1), humidity, 728 + pressure]
        cells = ["-99" if dice.random() < 0.02 else f"{value:.1f}".replace(".", ",") for value in values]
        rows.append([day.strftime("%d/%m/%Y"), *cells])
        day += timedelta(days=1)
    rows.insert(500, rows[499])
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=";").writerows([["day", "rain", "temperature", "humidity", "pressure"], *rows])
    print(f"{path}: {len(rows)} rows")


if __name__ == "__main__":
    main()
