#!/usr/bin/env bash
# From a table of measurements to a server: a run on hourly weather, the windows of a new table, reasons, an export.
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

# Explain: which hours of the window speak for the forecast, as columns and as the page why.explained.html.
$LAB predict run=run input=new.csv output=why.csv explain=true

# Export: one folder that needs neither the run nor its data. (minirocket computes outside of torch, so it has no graph.)
$LAB export run=run output=model

# Serve: on a free port, for one request with the rows of a table; `run=run` serves the run itself.
$LAB serve run=model port=0 > serve.log 2>&1 &
server=$!
trap 'kill $server 2> /dev/null || true' EXIT
until grep -q "serving at" serve.log; do kill -0 $server || { cat serve.log; exit 1; }; sleep 0.2; done
url=$(grep -o "http://[0-9.:]*" serve.log | head -n 1)
python -c 'import csv, json; print(json.dumps({"rows": list(csv.DictReader(open("new.csv")))}))' > request.json
curl --silent --show-error --fail "$url/predict" -H "Content-Type: application/json" -d @request.json > served.json
kill $server
wait $server

cat forecasts.csv served.json
