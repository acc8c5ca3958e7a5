"""Five ways of fine-tuning `model=minilm` on FaQuAD (Portuguese), against a random span and the first sentence.

    python -m benchmarks.qa.faquad --faquad DIR [--method full lora ...] [--seeds 1 2 3] [--quick] [-- OVERRIDE ...]

DIR contains dataset.json and dev_ids.json (63 ids: the test questions, answered once by each run's best epoch;
validation is drawn from the other 837 by document). Every run is train.py in a process of its own. Runs are added to
benchmarks/results/faquad.json, so methods can be measured one by one; the table has all runs with equal settings.
A method reaches the goal if its mean F1 over the seeds is 5 points, and two standard deviations, above the better
baseline.
Rates, and adapters beside all matrices, were chosen by validation F1 of seed 1 (LOG.md, 2026-11-25).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from benchmarks.harness.table import RESULTS, finish
from lab.core.record.baselines import baseline_scores
from lab.core.record.run_folder import RunFolder

ROOT = Path(__file__).resolve().parents[2]
ADAPTERS = ["peft.targets=all", "peft.dropout=0", "optimizer.lr=5e-4"]
METHODS = {
    "full": ["peft=none", "optimizer.lr=1e-4"],
    "lora": ["peft=lora", *ADAPTERS],
    "dora": ["peft=dora", *ADAPTERS],
    "qlora": ["peft=qlora", *ADAPTERS],
    "qdora": ["peft=qdora", *ADAPTERS],
}
SHARED = [
    "data=squad", "data.language=pt", "model=minilm", "model.attention_dropout=0", "trainer.max_epochs=4",
    "scheduler.warmup_ratio=0.1", "optimizer.head_lr=1e-3", "loss.label_smoothing=0", "data.batch_size=4",
    "data.max_length=384", "data.max_answer=60", "trainer.precision=bf16", "logger=csv", "callbacks.curves.png=false",
    "callbacks.overfit.gap=null",
]  # fmt: skip
QUICK = ["model.pretrained=false", "model.architecture.hidden_size=32", "model.architecture.intermediate_size=64",
         "model.architecture.num_attention_heads=4", "model.architecture.num_hidden_layers=2",
         "model.vocabulary_size=1000", "trainer.max_epochs=1", "data.max_rows.train=40"]  # fmt: skip
MARGIN = 0.05


def one_run(faquad: Path, method: str, seed: int, options: list[str]) -> dict[str, Any]:
    """The record of a run, and its requested settings."""
    with tempfile.TemporaryDirectory() as temporary:
        run = RunFolder(Path(temporary) / "run")
        data = [f"data.path={faquad / 'dataset.json'}", f"data.test_ids={faquad / 'dev_ids.json'}"]
        words = [*options, *data, f"seed={seed}", f"hydra.run.dir={run.path}"]
        done = subprocess.run(
            [sys.executable, str(ROOT / "train.py"), *words], cwd=ROOT, capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"{method}, seed {seed} ended with {done.returncode}:\n{done.stderr[-2000:]}")
        record = run.read()
        history = [row["val/f1"] for row in run.history()]
    return {
        "method": method, "seed": seed, "test": record["metrics"]["test"], "baselines": baseline_scores(record),
        "val_f1": history, "epoch": record["objective"]["epoch"] + 1, "wall_s": record["timing_s"]["total"],
        "peak_rss_gib": record["memory"]["peak_rss_gib"], "parameters": record["parameters"],
        "rows": record["data"]["rows"], "requested": options,
    }  # fmt: skip


def comparable(file: Path | None, settings: dict[str, list[str]]) -> list[dict[str, Any]]:
    """The runs measured before that have the same settings; others cannot be compared with them."""
    if file is None or not file.exists():
        return []
    runs = json.loads(file.read_text(encoding="utf-8"))["runs"]
    return [run for run in runs if run.get("requested") == settings.get(run["method"])]


def verdicts(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Per method: mean and standard deviation of the test scores over seeds, and whether the goal is met."""
    result = []
    for method in [name for name in METHODS if any(run["method"] == name for run in runs)]:
        same = [run for run in runs if run["method"] == method]
        scores = [run["test"]["f1"] for run in same]
        spread = stdev(scores) if len(scores) > 1 else 0.0
        bar = max(score["f1"] for score in same[0]["baselines"].values())
        lead = mean(scores) - bar
        result.append({
            "method": method, "seeds": len(same), "f1": mean(scores), "f1_sd": spread,
            "em": mean(run["test"]["em"] for run in same), "val_f1": mean(max(run["val_f1"]) for run in same),
            "baseline_f1": bar, "lead": lead,
            "holds": len(same) > 1 and lead >= MARGIN and lead >= 2 * spread,
            "wall_s": mean(run["wall_s"] for run in same), "peak_rss_gib": max(run["peak_rss_gib"] for run in same),
            "trainable": same[0]["parameters"]["trainable"],
        })  # fmt: skip
    return result


def show(runs: list[dict[str, Any]], options: argparse.Namespace, file: Path | None) -> None:
    """The table, and the JSON beside it."""
    means = verdicts(runs)
    head = ("answers of", "seeds", "F1", "sd", "EM", "val F1", "lead", "goal", "seconds", "RSS GiB", "trainable")
    rows = [
        (one["method"], str(one["seeds"]), f"{one['f1']:.3f}", f"{one['f1_sd']:.3f}", f"{one['em']:.3f}",
         f"{one['val_f1']:.3f}", f"{one['lead']:+.3f}", "met" if one["holds"] else "missed", f"{one['wall_s']:.0f}",
         f"{one['peak_rss_gib']:.2f}", f"{one['trainable']:,}") for one in means
    ]  # fmt: skip
    for name, scores in runs[0]["baselines"].items():
        blank = [""] * (len(head) - 5)
        rows.append((name.replace("_", " "), "", f"{scores['f1']:.3f}", "", f"{scores['em']:.3f}", *blank))
    reported = {"options": {"quick": options.quick}, "margin": MARGIN, "shared": SHARED, "methods": METHODS,
            "means": means, "runs": runs}  # fmt: skip
    finish("FaQuAD, 63 test questions", head, rows, reported, file)


def _last_wins(overrides: list[str]) -> list[str]:
    """One override a key: a second one of the same key stands for the first."""
    return [f"{key}={value}" for key, value in dict(word.split("=", 1) for word in overrides).items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faquad", type=Path, required=True, help="folder with dataset.json and dev_ids.json")
    parser.add_argument("--method", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--quick", action="store_true", help="a tiny model, one epoch: shows that it runs")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("overrides", nargs="*")
    options = parser.parse_intermixed_args()
    settings = {
        method: _last_wins([*SHARED, *METHODS[method], *options.overrides, *(QUICK if options.quick else [])])
        for method in METHODS
    }
    file = None if options.quick and options.results == RESULTS else options.results / "faquad.json"
    runs = comparable(file, settings)
    for seed in options.seeds:
        for method in options.method:
            run = one_run(options.faquad, method, seed, settings[method])
            runs = [one for one in runs if (one["method"], one["seed"]) != (method, seed)] + [run]
            print(f"  {method}, seed {seed}: F1 {run['test']['f1']:.3f}, {run['wall_s']:.0f} s", file=sys.stderr)
            show(sorted(runs, key=lambda one: (list(METHODS).index(one["method"]), one["seed"])), options, file)


if __name__ == "__main__":
    main()
