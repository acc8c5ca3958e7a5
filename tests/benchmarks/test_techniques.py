"""The benchmark of techniques: each alone, paired with the same model without it, validation scores only."""

import json
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from pandas import read_csv

from benchmarks.truth import reports
from benchmarks.truth.reports import TEST_ROWS
from benchmarks.truth.sets import SETS
from benchmarks.truth.techniques import DATA, FOLDS, MODELS, PLAIN, TECHNIQUES, _mislabelled, cells, finished, table

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
    assert {data.source for data in DATA if isinstance(data.source, str)} <= {data.name for data in SETS}


def test_reports_with_wrong_labels_are_validated_on_rows_without_any(tmp_path: Path) -> None:
    words = dict(word.split("=", 1) for word in _mislabelled(30, tmp_path, {}))
    train, val = (read_csv(words[f"data.{split}"], keep_default_na=False) for split in ("train", "val"))
    assert (len(train), len(val)) == (1200, TEST_ROWS + 150)
    clean = dict(word.split("=", 1) for word in reports.prepare(1500, 0, tmp_path, {}, 1))
    right = read_csv(clean["data.train"], keep_default_na=False)
    assert (train["text"] == right["text"]).all()
    wrong = (train["modo"] != right["modo"]).mean()
    assert 0.2 < wrong < 0.3  # a drawn label is the right one by chance, and a missing one stays missing
    assert read_csv(clean["data.test"], keep_default_na=False)["modo"].equals(val["modo"])


def test_cells_of_a_set_with_folds_have_a_fold_for_each_seed(tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_text(json.dumps({"data": []}))
    options = Namespace(only=[PLAIN, "attention pooling"], sets=["FaQuAD", "reports"], models=["ngram"], seeds=[7],
                        data={"faquad": tmp_path}, prepared=tmp_path)  # fmt: skip
    made = dict(cells(options))
    reports = [(name, "ngram", PLAIN, 7) for name in (
            "reports", "reports, many", "reports, 10 % wrong", "reports, 30 % wrong", "reports, 200 a class"
        )]  # fmt: skip
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
