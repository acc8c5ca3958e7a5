#!/usr/bin/env bash
# From notices to a server: a run on generated maintenance notices, new notices without labels, reasons, an export.
# `bash examples/texts.sh FOLDER` works in FOLDER (a new one by default); LAB is the command (`python -m lab`).
set -euo pipefail
LAB=${LAB:-python -m lab}
cd "${1:-$(mktemp -d)}"

# Train: a minute with the defaults; here a linear model on few rows, in seconds.
$LAB train model=ngram data.num_rows=1500 trainer.max_epochs=3 hydra.run.dir=run ${MORE:-}

# New notices. `id` is carried through; no label is needed.
cat > new.csv <<'CSV'
id,text
1,la bomba P-101 tiene fuga de aceite por el sello mecánico
2,el motor vibra mucho y hace ruido en el rodamiento
3,cambiar la correa de la faja transportadora
CSV

# Predict: the two best classes of each head with their probabilities.
$LAB predict run=run input=new.csv output=predictions.csv top_k=2

# Are the new notices like those of training? Few rows show little: see docs/predict.md.
$LAB predict run=run input=new.csv output=watched.csv drift=true

# Explain: which words speak for each class, as columns and as the page why.explained.html.
$LAB predict run=run input=new.csv output=why.csv explain=true

# Export: one folder with a graph for onnxruntime, compared with the run before it is kept; it predicts like the run.
$LAB export run=run output=model format=onnx
$LAB predict run=model input=new.csv output=exported.csv

# Serve: on a free port, for one request; `run=run` serves the run itself.
$LAB serve run=model port=0 > serve.log 2>&1 &
server=$!
trap 'kill $server 2> /dev/null || true' EXIT
until grep -q "serving at" serve.log; do kill -0 $server || { cat serve.log; exit 1; }; sleep 0.2; done
url=$(grep -o "http://[0-9.:]*" serve.log | head -n 1)
curl --silent --show-error --fail "$url/predict" -H "Content-Type: application/json" -d '{"rows": [{"text": "la bomba P-101 pierde aceite"}]}' > served.json
kill $server
wait $server

cat predictions.csv served.json
