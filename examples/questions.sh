#!/usr/bin/env bash
# From questions on reports to a server: a run on generated reports, new questions, reasons, an export.
# `bash examples/questions.sh FOLDER` works in FOLDER (a new one by default); LAB is the command (`python -m lab`).
set -euo pipefail
LAB=${LAB:-python -m lab}
cd "${1:-$(mktemp -d)}"

# Train: few contexts and one epoch, to show the way and not a good model.
$LAB train data=qa_demo data.num_contexts=60 data.max_length=96 data.stride=24 trainer.max_epochs=1 hydra.run.dir=run ${MORE:-}

# New questions, each with the context that its answer is in.
cat > new.jsonl <<'LINES'
{"id": "q1", "question": "¿Qué se cambió?", "context": "El lunes se cambió el sello mecánico de la bomba P-101. Quedó operativa."}
{"id": "q2", "question": "¿Cuándo se detuvo la faja?", "context": "La faja F-7 se detuvo el martes a las 10:40 por un corte de la correa."}
LINES

# Predict: the two best answers, with their first character and the one behind their last.
$LAB predict run=run input=new.jsonl output=answers.jsonl top_k=2

# Explain: which words of question and context speak for the answer, as columns and as the page why.explained.html.
$LAB predict run=run input=new.jsonl output=why.jsonl explain=true

# Export: a folder for transformers' AutoModelForQuestionAnswering, and one that lab reads.
$LAB export run=run output=hub_model format=hf
$LAB export run=run output=model

# Serve: on a free port, for one request; `run=run` serves the run itself.
$LAB serve run=model port=0 > serve.log 2>&1 &
server=$!
trap 'kill $server 2> /dev/null || true' EXIT
until grep -q "serving at" serve.log; do kill -0 $server || { cat serve.log; exit 1; }; sleep 0.2; done
url=$(grep -o "http://[0-9.:]*" serve.log | head -n 1)
curl --silent --show-error --fail "$url/predict" -H "Content-Type: application/json" -d '{"rows": [{"question": "¿Qué se cambió?", "context": "El lunes se cambió el sello mecánico."}]}' > served.json
kill $server
wait $server

cat answers.jsonl served.json
