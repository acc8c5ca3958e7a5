#!/usr/bin/env bash
# From a table of measurements to forecasts: a run on hourly weather, then the windows of a new table.
# `bash examples/series.sh FOLDER` works in FOLDER (a new one by default); LAB is the command (`python -m lab`).
set -euo pipefail
LAB=${LAB:-python -m lab}
cd "${1:-$(mktemp -d)}"

# Hourly rows of two stations: 900 to train on, 60 new ones.
python - <<'PYTHON'
import csv
import math
from datetime import datetime, timedelta

for name, first, last in (("weather.csv", 0, 900), ("new.csv", 900, 960)):
    with open(name, "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["hour", "station", "temperature", "pressure"])
        for station in ("north", "south"):
            for hour in range(first, last):
                moment = datetime(2024, 1, 1) + timedelta(hours=hour)
                wave = math.sin(hour * math.tau / 24) + 0.3 * math.sin(hour * 0.37)
                rows.writerow([moment.isoformat(), station, round(15 + 6 * wave, 2), round(1013 - 3 * wave, 2)])
PYTHON

# Train: is it warmer than 17 degrees one hour ahead?
$LAB train data=series_table data.path=weather.csv data.time=hour data.group=station data.window=24 \
    'data.label={feature: temperature, horizon: 1, threshold: 17}' model=minirocket model.num_features=168 \
    hydra.run.dir=run ${MORE:-}

# Predict: one row per window of the new table, with its station and the time of its end.
$LAB predict run=run input=new.csv output=forecasts.csv

# Has the weather changed since training?
$LAB predict run=run input=new.csv output=watched.csv drift=true

cat forecasts.csv
