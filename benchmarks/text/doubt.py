"""How sure models may be: calibration error before and after the temperature, and rows that are flagged as unlike.

    python -m benchmarks.text.doubt [--banking FOLDER] [--models ngram tiny] [-- OVERRIDE ...]

Each model is trained on the generated Spanish reports and, if given, on banking77 (train.csv, test.csv with `text` and
`category`). Prints per head the temperature, ECE (10 bins) and Brier score on test rows, and the share of rows that
`novelty=true` flags among new rows of the same kind, rows in another language and random letters. Overrides go to every
run. Writes benchmarks/results/doubt.json.
"""

import argparse
import csv
import json
import random
import string
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from lab.core.record.run_folder import RunFolder
from lab.data.text.maintenance.generator import generate

ROOT = Path(__file__).resolve().parents[2]
NUM = 500
"""New rows of each kind."""
NEW_SEED = 99
"""Seed of reports that no run has seen."""


def trained(folder: Path, words: list[str]) -> RunFolder:
    settings = [f"hydra.run.dir={folder}", "logger=csv", "callbacks.curves.png=false", *words]
    subprocess.run([sys.executable, "train.py", *settings], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return RunFolder(folder)


def flagged(run: RunFolder, texts: list[str], place: Path) -> float:
    """The share of texts that a run flags as unlike its training texts."""
    with (place / "new.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text",), *((text,) for text in texts)])
    output = place / "out.csv"
    words = [f"run={run.path}", f"input={place}/new.csv", f"output={output}", "novelty=true"]
    subprocess.run([sys.executable, "predict.py", *words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    with output.open(newline="", encoding="utf-8") as file:
        share = sum(bool(row["unlike_training"]) for row in csv.DictReader(file)) / len(texts)
    output.unlink()
    return share


def letters(num: int) -> list[str]:
    """Texts of random words of random letters."""
    draw = random.Random(0)
    word = lambda: "".join(draw.choices(string.ascii_lowercase, k=draw.randint(2, 9)))  # noqa: E731
    return [" ".join(word() for _ in range(draw.randint(4, 20))) for _ in range(num)]


def column(file: Path, name: str) -> list[str]:
    with file.open(newline="", encoding="utf-8") as opened:
        return [row[name] for row in csv.DictReader(opened)]


def measured(run: RunFolder, rows: dict[str, list[str]], place: Path) -> dict[str, Any]:
    scores = run.read()["calibration"]
    shares = {name: flagged(run, texts, place) for name, texts in rows.items()}
    return {"val": scores["val"], "test": scores["test"], "flagged": shares}


def show(name: str, result: dict[str, Any]) -> None:
    for head, scores in result["test"].items():
        ece, brier = ([scores[f"{measure}_{when}"] for when in ("before", "after")] for measure in ("ece", "brier"))
        print(f"{name:18} {head:10} T {scores['temperature']:5.2f}  ECE {ece[0]:.3f} -> {ece[1]:.3f}  "
              f"Brier {brier[0]:.3f} -> {brier[1]:.3f}")  # fmt: skip
    print(f"{name:18} flagged: " + ", ".join(f"{kind} {share:.1%}" for kind, share in result["flagged"].items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--banking", type=Path)
    parser.add_argument("--models", nargs="+", default=["ngram", "tiny"])
    parser.add_argument("overrides", nargs="*")
    options = parser.parse_args()
    new = {"reports": generate(NUM, NEW_SEED).texts}
    data = {"reports": ["data=maintenance"]}
    if options.banking:
        folder = options.banking.resolve()
        data["banking77"] = ["data=csv", f"data.train={folder}/train.csv", f"data.test={folder}/test.csv",
                             "data.text=[text]", "data.labels=[category]"]  # fmt: skip
        new["banking77"] = column(folder / "test.csv", "text")[::6][:NUM]
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        for kind, words in data.items():
            foreign = {other: texts for other, texts in new.items() if other != kind}
            rows = {"same kind": new[kind], **foreign, "letters": letters(NUM)}
            for model in options.models:
                name = f"{kind}/{model}"
                run = trained(place / f"{kind}_{model}", [*words, f"model={model}", *options.overrides])
                results[name] = measured(run, rows, place)
                show(name, results[name])
    (ROOT / "benchmarks/results/doubt.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
