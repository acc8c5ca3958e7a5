"""Does next-patch pretraining help? Timer-XL from its checkpoint against the same network from scratch, by seeds.

    python -m benchmarks.series.transfer [--seeds 1 2 3] [--quick]

One pretraining run on `data=rainfall` (labels not looked at), then classifiers on 200 training windows and on all of
them: from scratch, and from the checkpoint (all layers trained). Same data, epochs, early stopping and network of 2
layers of 64, patches of 12 hours: small, so that all of it takes minutes. Test macro-F1, MCC and AUC, mean and range;
differences are paired by seed. Writes benchmarks/results/transfer.json.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.harness.table import RESULTS, finish
from lab.core.record.run_folder import RunFolder

ROOT = Path(__file__).resolve().parents[2]
NET = ["data=rainfall", "model=timer_xl", "model.patch=12", "model.width=64", "model.num_heads=4", "model.num_layers=2",
       "model.ffn_width=128", "model.causal=true", "optimizer.lr=1e-3", "logger=csv",
       "callbacks.curves.png=false"]  # fmt: skip
PRETRAIN = [
    "model.pretrain=true",
    "data.missing_values=ffill",
    "objective.metric=val/loss",
    "objective.mode=min",
    "trainer.max_epochs=20",
]
CLASSIFY = ["loss.class_weights=balanced", "trainer.max_epochs=30", "callbacks.early_stopping.patience=6",
            "objective.metric=val/auc"]  # fmt: skip
SCORES = ("f1_macro", "mcc", "auc")


def run(folder: Path, overrides: Sequence[str]) -> RunFolder:
    subprocess.run(
        [sys.executable, "train.py", *NET, *overrides, f"hydra.run.dir={folder}"],
        check=True, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=os.environ | {"OMP_WAIT_POLICY": "PASSIVE"},
    )  # fmt: skip
    return RunFolder(folder)


def compared(folder: Path, seeds: Sequence[int], quick: bool) -> list[dict[str, Any]]:
    short = ["trainer.max_epochs=1", "data.hours=1500"] if quick else []
    pretrained = run(folder / "pretrained", [*PRETRAIN, *short]).path
    rows = []
    for windows in (200, None):
        scores: dict[str, list[dict[str, float]]] = {"from scratch": [], "from the checkpoint": []}
        for seed in seeds:
            for start, result in scores.items():
                extra = [f"seed={seed}", f"data.max_rows.train={'null' if windows is None else windows}"]
                extra += [f"data.split.seed={seed}"]  # which 200 windows
                extra += [f"model.checkpoint={pretrained}"] if start == "from the checkpoint" else []
                name = f"{windows}-{seed}-{start.split()[-1]}"
                record = run(folder / name, [*CLASSIFY, *extra, *short]).read()
                result.append({score: record["metrics"]["test"][score] for score in SCORES})
        rows += [{"windows": windows or "all", "start": start, "scores": result} for start, result in scores.items()]
        print(windows, {start: mean(one["auc"] for one in result) for start, result in scores.items()}, flush=True)
    return rows


def cells(row: dict[str, Any]) -> list[str]:
    spans = [[one[score] for one in row["scores"]] for score in SCORES]
    return [f"{row['windows']} windows, {row['start']}",
            *(f"{mean(result):.3f} ({min(result):.3f}-{max(result):.3f})" for result in spans)]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--quick", action="store_true", help="an epoch each on little data: that it runs")
    parser.add_argument("--results", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = compared(Path(folder), options.seeds, options.quick)
    target = options.results or (Path(tempfile.gettempdir()) if options.quick else RESULTS)
    reported = {"net": NET, "pretrain": PRETRAIN, "classify": CLASSIFY, "rows": rows}
    finish("transfer", ["", "macro-F1", "MCC", "AUC"], [cells(row) for row in rows], reported, target / "transfer.json")
    for scratch, transfer in zip(rows[::2], rows[1::2], strict=True):
        apart = [b["auc"] - a["auc"] for a, b in zip(scratch["scores"], transfer["scores"], strict=True)]
        span = f"{min(apart):+.3f} to {max(apart):+.3f}"
        print(f"{scratch['windows']} windows: AUC {mean(apart):+.3f} by pretraining ({span})")


if __name__ == "__main__":
    main()
