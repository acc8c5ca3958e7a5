#!/usr/bin/env bash
# From notices to predictions: a run on generated maintenance notices, then new notices without labels.
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

cat predictions.csv
