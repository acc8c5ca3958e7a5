#!/usr/bin/env bash
# From questions on reports to answers with their characters: a run on generated reports, then new questions.
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

cat answers.jsonl
