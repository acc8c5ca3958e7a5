"""Rain of at least 1 mm tomorrow at Cajamarca: every net beside every baseline, on the same 2,085 test days.

    python -m benchmarks.series.senamhi --path FILE.xlsx [--seeds 1 2 3] [--only NAME ...] [--runs FOLDER] [--quick]

Train before 2015, validation 2015-2018, test from 2019 (`experiment=senamhi`). Baselines: majority, persistence,
logistic regression and boosted trees (scikit-learn) on the last seven days with flags of what is missing and the
season. Nets are runs of train.py that stop by validation AUC; the mean probability of a net's seeds is a row of its
own. The net to be judged is the one with the best mean validation AUC; the table marks it. Writes
benchmarks/results/senamhi.json.
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

import numpy as np
import pyarrow.parquet
import torch
from hydra import compose, initialize_config_dir
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import matthews_corrcoef, roc_auc_score

from benchmarks.harness.table import RESULTS, finish
from lab.config.check import check
from lab.config.schema import Series
from lab.core.record.run_folder import RunFolder
from lab.data.series.datamodule import SeriesDataModule, SeriesRows
from lab.data.series.dataset import load
from lab.training.baselines.label_rules import persistence

ROOT = Path(__file__).resolve().parents[2]
GOAL = {"auc": 0.803, "mcc": 0.399}
"""What logistic regression on lags reached elsewhere; a net is to beat both."""
LAGS = 7
HEAD = "DailyPrecipitation"
SMALL = ["loss.class_weights=balanced", "trainer.max_epochs=40", "callbacks.early_stopping.patience=6",
         "objective.metric=val/auc", "model.dropout=0.3", "optimizer.weight_decay=0.05"]  # fmt: skip
INCEPTION = ["model=inception_time", "model.filters=16", "model.depth=3", *SMALL]
TIMER = ["model=timer_xl", "model.width=64", "model.num_heads=4", "model.num_layers=2", "model.ffn_width=128",
         "model.normalise=false", "optimizer.lr=1e-3", *SMALL]  # fmt: skip
PATCHTST = ["model=patchtst", "model.width=64", "model.num_heads=4", "model.num_layers=2", "model.ffn_width=128",
            "model.normalise=false", *SMALL]  # fmt: skip
NETS = {
    "inception_time, 7 days": [*INCEPTION, "data.window=7", "model.kernels=[5,3,1]"],
    "inception_time, 14 days": [*INCEPTION, "data.window=14", "model.kernels=[9,5,3]"],
    "timer_xl, 7 days": [*TIMER, "data.window=7", "model.patch=7", "model.channel_pooling=concat"],
    "timer_xl, 28 days": [*TIMER, "data.window=28", "model.patch=7", "model.time_pooling=last",
                          "model.channel_pooling=concat"],
    "patchtst, 28 days": [*PATCHTST, "data.window=28", "model.patch=7", "model.stride=7"],
    "minirocket, 30 days": ["model=minirocket", "model.num_features=2016", "objective.metric=val/auc"],
}  # fmt: skip


def lagged(rows: SeriesRows, first: int) -> tuple[Any, Any]:
    """The last `LAGS` days of each window as one row, values and flags, with the season of the newest day; labels.

    first: number of the first of the two columns of the season."""
    values, _ = rows.arrays(np.arange(len(rows)))
    season = values[:, -1, first : first + 2]
    days = np.delete(values, [first, first + 1], 2)[:, -LAGS:]
    return np.concatenate([days.reshape(len(days), -1), season], 1), rows.cut.labels.astype(int)


def baselines(path: Path) -> list[dict[str, Any]]:
    with initialize_config_dir(str(ROOT / "conf")):
        data = check(compose("config", ["experiment=senamhi", f"data.path={path}"])).data
    assert isinstance(data, Series)
    result = load(data)
    module = SeriesDataModule(result, data, lambda _: 1, 0, False)
    parts = {split: lagged(module.make_rows(split), result.panel.columns.index("year sine")) for split in result.splits}
    truth = parts["test"][1]
    (current,) = persistence({"test": result.splits["test"]}, result.head)
    now = current.scores["test"]
    rows = [{"name": "majority", "acc": max(truth.mean(), 1 - truth.mean()), "auc": 0.5, "mcc": 0.0},
            {"name": "persistence", "acc": now["accuracy"], "auc": now["auc"], "mcc": now["mcc"]}]  # fmt: skip
    val = parts["val"]
    penalties = [LogisticRegression(C=strength, max_iter=2000).fit(*parts["train"]) for strength in (0.003, 0.03, 0.3)]
    trees = HistGradientBoostingClassifier(max_iter=150, learning_rate=0.05, max_leaf_nodes=8, l2_regularization=1.0)
    models = {
        f"logistic, {LAGS} lags": max(
            penalties, key=lambda one: roc_auc_score(val[1], one.predict_proba(val[0])[:, 1])
        ),
        f"boosted trees, {LAGS} lags": trees.fit(*parts["train"]),
    }
    for name, model in models.items():
        chance = {split: model.predict_proba(parts[split][0])[:, 1] for split in ("val", "test")}
        rows.append(
            {"name": name, "val_auc": roc_auc_score(parts["val"][1], chance["val"]), **scored(truth, chance["test"])}
        )
    return rows


def scored(truth: Any, chance: Any) -> dict[str, float]:
    """accuracy and MCC at one half, AUC."""
    guess = chance >= 0.5
    return {"acc": float((guess == truth).mean()), "auc": float(roc_auc_score(truth, chance)),
            "mcc": float(matthews_corrcoef(truth, guess))}  # fmt: skip


def net_rows(name: str, overrides: Sequence[str], options: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """Mean and range over seeds, and the mean of their probabilities."""
    runs, chances, truth = [], [], None
    for seed in options.seeds:
        run = RunFolder(folder / f"{list(NETS).index(name)}-{seed}")
        quick = [] if not options.quick else ["trainer.max_epochs=1", "data.max_rows.train=200"]
        if not ended(run):
            subprocess.run(
                [sys.executable, "train.py", "experiment=senamhi", f"data.path={options.path}",
                 *overrides, f"seed={seed}", "logger=csv", "callbacks.curves.png=false",
                 f"hydra.run.dir={run.path}", *quick],
                check=True, cwd=ROOT, stdout=subprocess.DEVNULL, env=os.environ | {"OMP_WAIT_POLICY": "PASSIVE"},
            )  # fmt: skip
        record = run.read()
        table = pyarrow.parquet.read_table(run.predictions)
        truth = np.array([cell == ">= 1" for cell in table[HEAD].to_pylist()])
        chances.append(np.array(table[f"{HEAD}_probabilities"].to_pylist())[:, 1])
        runs.append({"seed": seed, "val_auc": record["metrics"]["val"]["auc"], **scored(truth, chances[-1]),
                     "parameters": record["parameters"]["total"], "fit_s": record["timing_s"]["fit"]})  # fmt: skip
    keys = ("val_auc", "acc", "auc", "mcc")
    means = {key: mean(run[key] for run in runs) for key in keys}
    spans = {f"{key}_range": [min(run[key] for run in runs), max(run[key] for run in runs)] for key in keys}
    together = {"name": f"  mean of its {len(runs)} seeds' probabilities", **scored(truth, np.mean(chances, 0))}
    return [{"name": name, "net": True, **means, **spans, "parameters": runs[0]["parameters"], "runs": runs}, together]


def ended(run: RunFolder) -> bool:
    """Whether a kept folder holds a whole run."""
    return (run.path / "run.json").is_file() and run.read()["status"] in ("completed", "early_stopped")


def cells(row: dict[str, Any], best: str) -> list[str]:
    def cell(key: str) -> str:
        if key not in row:
            return "-"
        low, high = row.get(f"{key}_range", (None, None))
        return f"{row[key]:.3f}" + ("" if low is None else f" ({low:.3f}-{high:.3f})")

    mark = " *" if row["name"] == best else ""
    return [
        row["name"] + mark,
        *(cell(key) for key in ("val_auc", "acc", "auc", "mcc")),
        str(row.get("parameters", "-")),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--path", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--only", nargs="+", choices=NETS, default=list(NETS))
    parser.add_argument("--quick", action="store_true", help="one epoch on 200 windows: that it runs")
    parser.add_argument(
        "--runs", type=Path, help="keep the run folders here; those that came to their end are not run again"
    )
    parser.add_argument("--results", type=Path)
    options = parser.parse_args()
    options.path = options.path.resolve()
    torch.set_num_threads(1)
    rows = baselines(options.path)
    with tempfile.TemporaryDirectory() as temporary:
        for name in options.only:
            rows += net_rows(name, NETS[name], options, options.runs or Path(temporary))
            print(rows[-2]["name"], {key: round(rows[-2][key], 4) for key in ("val_auc", "auc", "mcc")}, flush=True)
    best = max((row for row in rows if row.get("net")), key=lambda row: row["val_auc"])
    ahead = {key: best[key] - goal for key, goal in GOAL.items()}
    folder = options.results or (Path(tempfile.gettempdir()) if options.quick else RESULTS)
    head = ["", "val AUC", "test acc.", "test AUC", "test MCC", "parameters"]
    reported = {"goal": GOAL, "chosen_on_validation": best["name"], "ahead": ahead, "rows": rows}
    finish("senamhi", head, [cells(row, best["name"]) for row in rows], reported, folder / "senamhi.json")
    for key, value in ahead.items():
        word = "beats" if value > 0 else "misses"
        print(f"* chosen on validation: {word} {key} {GOAL[key]} by {abs(value):.3f}")


if __name__ == "__main__":
    main()
