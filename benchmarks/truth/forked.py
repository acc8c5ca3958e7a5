"""A training in a forked process, which has the imports done, and its validation scores. Nothing of a test is kept."""

import importlib
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.truth.cells import KEPT, without_paths

PRELOADED = ("lab.commands.train", "lab.training.train", "lab.training.tasks.text_classification", "datasets",
             "lab.training.tasks.series_classification", "lab.training.evaluation.result_table", "lab.loggers.csv",
             "lab.cli.validate_overrides", "lab.models.text.transformer", "lab.models.text.ngram",
             "lab.training.residual.text_base", "lab.training.residual.series_base")  # fmt: skip
FIXED = ("logger=csv", "callbacks.curves.png=false", "baselines.enabled=false", "trainer.limit_test_batches=1",
         "trainer.threads=1", "trainer.precision=32")  # fmt: skip
"""Overrides of every run. A run ends with a test, of which one batch is left."""
Train = Callable[[Sequence[str], Path], None]


def preload() -> None:
    """Import what trainings need. No thread may start here, because a forked process would not have it."""
    os.environ.update(OMP_NUM_THREADS="1", HF_HUB_OFFLINE="1")
    for name in PRELOADED:
        importlib.import_module(name)


def train(words: Sequence[str], folder: Path) -> None:
    """Train into a new folder."""
    import lab

    lab.train([*FIXED, *words], folder)


def measured(words: Sequence[str], how: Train = train) -> dict[str, Any]:
    """Train in a forked process. Returns `val` (the metrics of `KEPT`) and `seconds`, or `failed` and `seconds`.

    how: trains with the overrides `words` into a new folder.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder, output = Path(temporary) / "run", Path(temporary) / "output"
        started = time.monotonic()
        child = multiprocessing.get_context("fork").Process(target=_child, args=(how, words, folder, output))
        child.start()
        child.join()
        seconds = round(time.monotonic() - started, 1)
        if child.exitcode:
            return {"failed": without_paths(output.read_text(encoding="utf-8").strip()[-300:]), "seconds": seconds}
        scores = json.loads((folder / "run.json").read_text(encoding="utf-8"))["metrics"]["val"]
        return {"val": {name: round(scores[name], 4) for name in KEPT if name in scores}, "seconds": seconds}


def _child(how: Train, words: Sequence[str], folder: Path, output: Path) -> None:
    """Train with all output in a file, also that of libraries in other languages than Python."""
    with output.open("w", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        how(words, folder)
