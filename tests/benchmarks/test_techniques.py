"""The benchmark of techniques: each alone, paired with the same model without it, validation scores only."""

import json
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from benchmarks.truth.sets import SETS
from benchmarks.truth.techniques import DATA, FOLDS, MODELS, PLAIN, TECHNIQUES, cells, finished, table

ROOT = Path(__file__).parents[2]


def line(technique: str, seed: int, score: float, data: str = "reports") -> dict[str, Any]:
    return {"data": data, "model": "ngram", "technique": technique, "seed": seed, "val": {"f1_macro": score}}


def test_a_technique_is_compared_with_the_same_seeds_without_it() -> None:
    lines = [line(PLAIN, 1, 0.5), line(PLAIN, 2, 0.7), line("focal loss", 1, 0.6), line("focal loss", 2, 0.7),
             line("focal loss", 3, 0.9)]  # fmt: skip
    titles, _, plain, focal = table(lines).splitlines()
    assert titles.startswith("| technique | model | reports (f1_macro) |")
    assert plain.startswith("| plain | ngram | 0.600 |")
    assert focal.startswith("| focal loss | ngram | +0.050 ± 0.050 |")  # seed 3 has nothing to be compared with


def test_every_technique_names_models_that_there_are_and_every_set_has_files() -> None:
    models = {name for each in MODELS.values() for name in each}
    assert all(set(technique.models or ()) <= models for technique in TECHNIQUES.values())
    assert {data.source for data in DATA} - {None} <= {data.name for data in SETS}


def test_cells_of_a_set_with_folds_have_a_fold_for_each_seed(tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_text(json.dumps({"data": []}))
    options = Namespace(only=[PLAIN, "attention pooling"], sets=["FaQuAD", "reports"], models=["ngram"], seeds=[7],
                        data={"faquad": tmp_path}, prepared=tmp_path)  # fmt: skip
    made = dict(cells(options))
    reports = [(name, "ngram", PLAIN, 7) for name in ("reports", "reports, many", "reports, 200 a class")]
    assert list(made) == [reports[0], *(("FaQuAD", "ngram", PLAIN, n + 1) for n in range(FOLDS)), *reports[1:]]
    assert "data.split.fold=0" in made["FaQuAD", "ngram", PLAIN, 1]
    assert "seed=7" in made["reports", "ngram", PLAIN, 7]


def test_only_finished_cells_are_known(tmp_path: Path) -> None:
    file = tmp_path / "techniques.jsonl"
    failed = {"data": "reports", "model": "ngram", "technique": PLAIN, "seed": 2, "failed": "out of memory"}
    file.write_text("\n".join([json.dumps(line(PLAIN, 1, 0.5)), json.dumps(failed), '{"data": "rep']))
    assert list(finished(file)) == [("reports", "ngram", PLAIN, 1)]


def test_a_forked_training_gives_validation_scores_or_its_last_words() -> None:
    program = """
import json
from benchmarks.truth.forked import measured

def train(words, folder):
    print("something long", flush=True)
    assert words == ["seed=1"], "/home/someone/file.py has failed"
    folder.mkdir()
    scores = {"val": {"f1_macro": 0.25, "loss": 1.0}, "test": {"f1_macro": 0.75}}
    (folder / "run.json").write_text(json.dumps({"metrics": scores}))

print(json.dumps([measured(["seed=1"], train), measured(["seed=2"], train)]))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    good, bad = json.loads(done.stdout)
    assert good["val"] == {"f1_macro": 0.25}
    assert "file.py has failed" in bad["failed"]
    assert "/home" not in bad["failed"]
