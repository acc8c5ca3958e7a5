"""One cell of the benchmark: a run of train.py on a data set with a model and a seed, kept as a line of JSON."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness.table import machine
from lab.core.record.run_folder import RunFolder

ROOT = Path(__file__).resolve().parents[2]
MODELS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "texts": {
        "linear": ["model=linear"],
        "ngram": ["model=ngram"],
        "tiny": ["model=tiny"],
        "minilm": ["model=minilm"],
        "ngram on linear": ["model=ngram", "model.base=linear"],
        "tiny on linear": ["model=tiny", "model.base=linear"],
        "minilm on linear": ["model=minilm", "model.base=linear"],
        "auto": ["model=auto"],
    },
    "series": {
        "logistic_lags": ["model=logistic_lags"],
        "minirocket": ["model=minirocket"],
        "inception_time": ["model=inception_time"],
        "patchtst": ["model=patchtst"],
        "inception_time on logistic": ["model=inception_time", "model.base=linear"],
        "auto": ["model=auto"],
    },
}
"""Overrides of each model, by task."""
QUICK = ("linear", "ngram", "tiny", "ngram on linear", "auto", "logistic_lags", "minirocket", "inception_time")
"""Models of `--quick`: those of which a run takes seconds to a minute."""


@dataclass(frozen=True)
class Cell:
    """A run to be made, or that was made."""

    data: str
    model: str
    seed: int


def finished(file: Path) -> dict[Cell, dict[str, Any]]:
    """The cells of a results file; a line that a kill left unfinished is left out."""
    result = {}
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else []:
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        result[Cell(row["data"], row["model"], row["seed"])] = row
    return result


def run_cell(cell: Cell, overrides: Sequence[str], threads: int | None) -> dict[str, Any]:
    """Train, and return the line of the cell. A run that fails is a line with its last words, and is not repeated."""
    with tempfile.TemporaryDirectory() as temporary:
        run = RunFolder(Path(temporary) / "run")
        words = [
            *overrides, f"seed={cell.seed}", "logger=csv", "callbacks.curves.png=false", "callbacks.progress.refresh=0",
            *([] if threads is None else [f"trainer.threads={threads}"]), f"hydra.run.dir={run.path}",
        ]  # fmt: skip
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "HF_HUB_OFFLINE": "1"}
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, str(ROOT / "train.py"), *words], cwd=temporary, env=environment, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        line = asdict(cell) | {"seconds": time.monotonic() - started, "overrides": list(overrides)}
        line["machine"] = machine()
        if done.returncode:
            return line | {"failed": done.stderr.strip()[-600:]}
        record = run.read()
    kept = ("metrics", "baselines", "baseline_comparison", "calibration", "requested", "git_commit", "reference")
    return line | {name: record.get(name) for name in kept} | {"kind": record["model"]["name"]}


def cells(names: Sequence[str], task: str, models: Sequence[str], seeds: Sequence[int]) -> Iterator[Cell]:
    """Yield the cells of the sets of one task, all models of a set before the next set."""
    for name in names:
        for model in models:
            if model in MODELS[task]:
                yield from (Cell(name, model, seed) for seed in seeds)


def keep(file: Path, line: Mapping[str, Any]) -> None:
    """Append a line to the results."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as out:
        out.write(json.dumps(line) + "\n")
