"""One cell of the benchmark: a run of train.py on a data set with a model and a seed, kept as a line of JSON.

Two models are not lab's, and are scored once per set: `check` is scikit-learn alone on the same rows
(`independent.py`), `bayes` the Bayes rule on the test rows of generated reports (`reports.py`).
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness.table import machine
from lab.core.record.baselines import CALIBRATION
from lab.core.record.run_folder import RunFolder

ROOT = Path(__file__).resolve().parents[2]
MODELS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "texts": {
        "bayes": [],
        "check": ["model=ngram"],
        "linear": ["model=linear"],
        "ngram": ["model=ngram"],
        "tiny": ["model=tiny"],
        "minilm": ["model=minilm"],
        "minilm_frozen": ["model=minilm_frozen"],
        "ngram on linear": ["model=ngram", "model.base=linear"],
        "tiny on linear": ["model=tiny", "model.base=linear"],
        "minilm on linear": ["model=minilm", "model.base=linear"],
        "minilm_frozen on linear": ["model=minilm_frozen", "model.base=linear"],
        "tiny_attention on linear": ["model=tiny_attention", "model.base=linear"],
        "auto": ["model=auto"],
    },
    "series": {
        "check": ["model=inception_time"],
        "logistic_lags": ["model=logistic_lags"],
        "minirocket": ["model=minirocket"],
        "inception_time": ["model=inception_time"],
        "patchtst": ["model=patchtst"],
        "timer_xl": ["model=timer_xl"],
        "inception_time on logistic": ["model=inception_time", "model.base=linear"],
        "patchtst on logistic": ["model=patchtst", "model.base=linear"],
        "auto": ["model=auto"],
    },
}
"""Overrides of each model, by task."""
QUICK = ("bayes", "check", "linear", "ngram", "tiny", "ngram on linear", "auto", "logistic_lags", "minirocket",
         "inception_time")  # fmt: skip
"""Models of `--quick`: those of which a run takes seconds to a minute."""
CHECK, BAYES = "check", "bayes"
KEPT = ("accuracy", "f1_macro", "mcc", "auc")
"""Metrics of a line, of a run and of its heads."""


@dataclass(frozen=True)
class Cell:
    """A run to be made, or that was made."""

    data: str
    model: str
    seed: int


def finished(file: Path) -> dict[Cell, dict[str, Any]]:
    """The cells of a results file, the last line of each; a line that a kill left unfinished is left out."""
    result = {}
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else []:
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        result[Cell(row["data"], row["model"], row["seed"])] = row
    return result


def run_cell(cell: Cell, data: Sequence[str], model: Sequence[str], threads: int | None) -> dict[str, Any]:
    """Train, and return the line of the cell; a run that fails is a line with its last words.

    data, model: overrides. Those of the data have paths of this machine, so they are not in the line.
    """
    line = asdict(cell) | {"overrides": list(model)}
    with tempfile.TemporaryDirectory() as temporary:
        run = RunFolder(Path(temporary) / "run")
        words = [
            *data, *model, f"seed={cell.seed}", "logger=csv", "callbacks.curves.png=false",
            "callbacks.progress.refresh=0", *([] if threads is None else [f"trainer.threads={threads}"]),
            f"hydra.run.dir={run.path}",
        ]  # fmt: skip
        check = cell.model == CHECK
        program = ["-m", "benchmarks.truth.independent", *data, *model] if check else [str(ROOT / "train.py"), *words]
        environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", "HF_HUB_OFFLINE": "1"}
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, *program], cwd=temporary, env=environment, capture_output=True, text=True, check=False
        )
        line |= {"seconds": round(time.monotonic() - started, 1), "machine": machine()}
        if done.returncode:
            return line | {"failed": without_paths(last_words(done.stderr))}
        return line | (json.loads(done.stdout.splitlines()[-1]) if check else from_record(run.read()))


def from_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of run.json that a line keeps."""
    facts, auto = record["data"], (record.get("requested") or {}).get("model")
    classes = facts.get("classes") or {}
    names = ("calibration", "decision", "requested", "baseline_comparison", "git_commit")
    fields = {name: record.get(name) for name in names}
    decided = (record.get("decision") or {}).get("scores") or {}  # where classes are not always the most probable ones
    val = record["metrics"]["val"] | decided.get("val", {}).get("chosen", {})
    return fields | {
        "trained": record["model"]["name"] if auto is None else auto["used"],
        "metrics": {"val": short(val), "test": short(record["metrics"]["test"])},
        "baselines": {
            name: {
                key: each if isinstance(each, str) or key == CALIBRATION else short(each)
                for key, each in (scores or {}).items()
            }
            for name, scores in (record.get("baselines") or {}).items()
        },
        "rows": facts["rows"]["train"],
        "classes": max(classes.values(), default=None),
    }


def bayes_line(cell: Cell, scores: Mapping[str, float]) -> dict[str, Any]:
    """The line of the Bayes rule. scores: on the test rows."""
    return asdict(cell) | {"scores": {"Bayes rule": {"test": short(scores)}}}


def short(scores: Mapping[str, float]) -> dict[str, float]:
    """Only the metrics of `KEPT`, with four decimals."""
    return {
        name: round(value, 4)
        for name, value in scores.items()
        if name.rpartition("/")[2] in KEPT and isinstance(value, (int, float))
    }


def last_words(text: str) -> str:
    """The last line of an output that says something, without an empty one or a remedy."""
    lines = [line for line in text.strip().splitlines() if line.strip() and not line.strip().startswith("try:")]
    return lines[-1].strip() if lines else "it ended without a word"


def without_paths(text: str) -> str:
    """The text with the folders of this machine left out: /a/b/c.csv becomes c.csv."""
    return re.sub(r"(?:/[\w.+-]+)+/", "", text)


def cells(names: Sequence[str], task: str, models: Sequence[str], seeds: Sequence[int]) -> Iterator[Cell]:
    """Yield the cells of the sets of one task, all models of a set before the next set."""
    for name in names:
        for model in models:
            if model in MODELS[task]:
                yield from (Cell(name, model, seed) for seed in ([0] if model in (BAYES, CHECK) else seeds))


def keep(file: Path, line: Mapping[str, Any]) -> None:
    """Append a line to the results."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as out:
        out.write(json.dumps(line) + "\n")
