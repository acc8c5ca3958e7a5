"""Run folders that no training wrote: what the report is shown, measured and tested on.

    python -m benchmarks.report.runs FOLDER [--runs 60] [--rows 50] [--seeds 3] [--seed 0]

Written through `lab.core.record.run_folder` with every field a real run has: a study of one text head with ten varied
keys, several seeds a configuration, trials ended by a policy, failures, a few trials that never started. Scores come
from a response surface (rate, batch, encoder, frozen layers) with noise: made up, and said so in each folder's
`data.name`. Predictions are written for the best runs alone. About 1.5 ms a run.
"""

import argparse
import math
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from lab.core.record.run_folder import RunFolder, StudyFolder

ROOT = Path(__file__).resolve().parents[2]
CLASSES = ("desgaste", "fuga", "lubricacion", "montaje", "sobrecarga")
NUM_TEST = 400
MAJORITY = {"accuracy": 0.31, "f1_macro": 0.095, "mcc": 0.0}
NUM_WITH_PREDICTIONS = 12
ENCODERS = {"tiny": (0.80, 0.6e6, 1.0), "minilm": (0.86, 22.7e6, 6.0), "beto": (0.89, 109.9e6, 22.0)}
"""Made-up height of the surface, parameters, and seconds an epoch relative to the smallest."""
SPACE: dict[str, tuple[Any, ...]] = {
    "model.name": tuple(ENCODERS),
    "callbacks.freeze.layers": (0, 1, 2),
    "optimizer.lr": (1e-5, 2e-5, 3e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3),
    "optimizer.weight_decay": (0.0, 0.001, 0.01, 0.1),
    "data.batch_size": (8, 16, 32, 64),
    "scheduler.kind": ("linear", "cosine", "constant"),
    "scheduler.warmup_ratio": (0.0, 0.06, 0.1),
    "loss.label_smoothing": (0.0, 0.05, 0.1),
    "model.dropout": (0.0, 0.1, 0.2),
}


@dataclass(frozen=True)
class Made:
    """One run as it will be written. val, train: the objective a row; rows cut where the run ended early."""

    number: int
    settings: dict[str, Any]
    status: str
    reason: str
    failure: str | None
    val: tuple[float, ...]
    train: tuple[float, ...]
    test: float
    epoch_s: float


def made(num_runs: int, num_rows: int, num_seeds: int, seed: int) -> list[Made]:
    """The runs, the same for the same arguments."""
    rng = np.random.default_rng(seed)
    runs = []
    for number in range(num_runs):
        if number % num_seeds == 0:
            settings = {key: values[rng.integers(len(values))] for key, values in SPACE.items()}
        runs.append(_run(number, settings | {"seed": 1 + number % num_seeds}, num_rows, rng))
    return runs


def _run(number: int, settings: dict[str, Any], num_rows: int, rng: np.random.Generator) -> Made:
    height, _, cost = ENCODERS[settings["model.name"]]
    best_rate = 2e-3 if settings["model.name"] == "tiny" else 5e-5
    miss = math.log10(settings["optimizer.lr"] / best_rate)
    peak = height - 0.06 * miss**2 - 0.012 * settings["callbacks.freeze.layers"] - 0.05 * settings["model.dropout"]
    peak += 0.004 * math.log2(32 / settings["data.batch_size"]) + rng.normal(0, 0.006)
    peak = max(0.22, peak)
    rows = np.arange(1, num_rows + 1)
    learnt = 1 - np.exp(-rows / (num_rows * (0.12 + 0.05 * max(0.0, -miss))))
    decline = np.maximum(0.0, rows / num_rows - 0.6) * (0.05 if settings["model.dropout"] == 0 else 0.0)
    val = 0.2 + (peak - 0.2) * learnt - decline + rng.normal(0, 0.004, num_rows)
    train = 0.2 + (min(0.995, peak + 0.07) - 0.2) * learnt + rng.normal(0, 0.002, num_rows)
    epoch_s = cost * (1 - 0.15 * settings["callbacks.freeze.layers"]) * float(rng.uniform(0.9, 1.1))
    status, reason, failure, kept = _ending(number, peak, num_rows, float(rng.uniform()))
    val, train = val[:kept], train[:kept]
    test = float(val.max() - 0.01 + rng.normal(0, 0.008)) if kept else math.nan
    return Made(number, settings, status, reason, failure, tuple(val), tuple(train), test, epoch_s)


def _ending(number: int, peak: float, num_rows: int, drawn: float) -> tuple[str, str, str | None, int]:
    """status, reason, failure and the rows that were written."""
    if drawn < 0.02:
        return "failed", "CUDA out of memory", "oom", 0
    if drawn < 0.03:
        return "failed", "loss is not a number at step 12", "nan", 0
    if drawn < 0.04:
        return "interrupted", "no end was recorded: the process is still running, or it was killed", None, num_rows // 4
    if peak < 0.7 and number > 3:
        kept = max(1, num_rows // 5)
        return "terminated", f"median_stopping at interval {kept}: best is below the median", None, kept
    if drawn < 0.25:
        kept = max(1, num_rows * 4 // 5)
        return "early_stopped", f"val/f1_macro did not improve: best so far, {kept} epochs", None, kept
    return "completed", f"all {num_rows} epochs done", None, num_rows


@cache
def _base() -> dict[str, Any]:
    """The project's own composed config: what a run's config.yaml holds besides the varied keys."""
    with initialize_config_dir(str(ROOT / "conf")):
        config: dict[str, Any] = OmegaConf.to_container(compose("config"), resolve=True)  # type: ignore[assignment]
    return {key: value for key, value in config.items() if key != "sweep"} | {"name": "made_up"}


@cache
def _config_with_gaps() -> str:
    """config.yaml with `<<key>>` where a varied key stands, so that a folder costs no YAML dump."""
    config = yaml.safe_load(yaml.safe_dump(_base()))
    for key in (*SPACE, "seed", "trainer.max_epochs"):
        *nodes, leaf = key.split(".")
        place = config
        for node in nodes:
            place = place[node]
        place[leaf] = f"<<{key}>>"
    return yaml.safe_dump(config, sort_keys=False)


def _config(settings: dict[str, Any]) -> str:
    text = _config_with_gaps()
    for key, value in settings.items():
        text = text.replace(f"<<{key}>>", yaml.safe_dump(value).splitlines()[0])  # 5e-05 would be read as a text
    return text


def write_run(folder: Path, run: Made, num_rows: int, predictions: bool) -> None:
    """One run folder, ended as `run` says."""
    folder.mkdir(parents=True)
    record = RunFolder(folder)
    settings = run.settings | {"trainer.max_epochs": num_rows}
    typed = {key: value for key, value in settings.items() if key != "model.name"}
    overrides = [f"model={run.settings['model.name']}", *(f"{key}={value}" for key, value in typed.items())]
    record.write_text("config.yaml", _config(settings))
    record.write_text(".hydra/overrides.yaml", yaml.safe_dump(overrides))
    choices = {"model": run.settings["model.name"], "data": "maintenance", "optimizer": "adamw", "scheduler": "linear"}
    record.write_text(".hydra/hydra.yaml", yaml.safe_dump({"hydra": {"runtime": {"choices": choices}}}))
    record.write_text("history.jsonl", "".join(_history(run)))
    record.start(**_record(run, overrides))
    record.update(status=run.status, reason=run.reason, failure=run.failure)
    if predictions and run.val:
        record.write_predictions(_predictions(run))
        record.write_calibration(_calibration(run))


def _calibration(run: Made) -> dict[str, Any]:
    """A head that is too sure by .1 before its temperature, and right as often as it says after it."""
    bins = {"before": [[NUM_TEST, run.test + 0.1, run.test]], "after": [[NUM_TEST, run.test, run.test]]}
    errors = {"ece_before": 0.1, "ece_after": 0.0, "brier_before": 0.3, "brier_after": 0.29}
    parts = {"scores": {"rows": NUM_TEST, "temperature": 1.4, **errors}, "reliability": bins,
             "coverage": [[0.9, 0.5, (1 + run.test) / 2], [0.4, 1.0, run.test]]}  # fmt: skip
    nested = {name: {"test": {"causa": part}} for name, part in parts.items()}
    return {"temperatures": {"causa": 1.4}, "not_fitted": {}, "novelty": None, **nested}


def _history(run: Made) -> Iterator[str]:
    rate = run.settings["optimizer.lr"]
    for epoch, (val, train) in enumerate(zip(run.val, run.train, strict=True)):
        lr = rate * (1 - epoch / max(1, len(run.val)))
        values = _scores("val", val) | _scores("train", train)
        cells = ", ".join(f'"{name}": {value:.9f}' for name, value in values.items())
        yield f'{{"epoch": {epoch}, "step": {200 * (epoch + 1)}, "lr": {lr!r}, {cells}}}\n'


def _scores(split: str, f1: float) -> dict[str, float]:
    prefix = f"{split}/" if split else ""
    return {
        f"{prefix}accuracy": f1 + 0.01, f"{prefix}balanced_accuracy": f1 + 0.004, f"{prefix}f1_macro": f1,
        f"{prefix}f1_weighted": f1 + 0.008, f"{prefix}loss": max(0.01, 1.9 * (1 - f1)), f"{prefix}mcc": f1 - 0.02,
        f"{prefix}precision_macro": f1 + 0.003, f"{prefix}recall_macro": f1 - 0.001,
    }  # fmt: skip


def _record(run: Made, overrides: list[str]) -> dict[str, Any]:
    name = run.settings["model.name"]
    _, parameters, _ = ENCODERS[name]
    ended = bool(run.val) and run.status != "interrupted"
    fit_s = run.epoch_s * len(run.val)
    metrics = {}
    objective: dict[str, Any] = {"metric": "val/f1_macro", "mode": "max", "value": None, "epoch": None, "step": None}
    if ended:
        epoch = int(np.argmax(run.val))
        best = run.val[epoch]
        metrics = {"train": _scores("", run.train[epoch]), "val": _scores("", best), "test": _scores("", run.test)}
        objective |= {"value": best, "epoch": epoch, "step": 200 * (epoch + 1)}
    return {
        "command": shlex.join(["python", "train.py", *overrides]),
        "objective": objective,
        "metrics": metrics,
        "baselines": {"majority": {"val": MAJORITY, "test": MAJORITY}} if ended else {},
        "reference": {"accuracy": 0.93, "f1_macro": 0.925} if ended else None,
        "parameters": {
            "total": int(parameters),
            "trainable": int(parameters * (1 - 0.2 * run.settings["callbacks.freeze.layers"])),
        },
        "data": {
            "name": "made_up", "fingerprint": "0" * 32, "rows": {"train": 3200, "val": 400, "test": NUM_TEST},
            "classes": {"causa": len(CLASSES)}, "heads": {"causa": list(CLASSES)}, "max_length": 64,
            "truncated_share": 0.02, "leaks": {"test": {"rows": NUM_TEST, "same": 0, "same_share": 0.0}},
        },
        "timing_s": {"total": fit_s + 4.0, "setup": 3.0, "fit": fit_s, "test": 1.0, "cpu": 1.8 * fit_s,
                     "per_epoch": [run.epoch_s] * len(run.val)},
        "throughput": {"samples_per_s": 3200 / run.epoch_s, "tokens_per_s": 3200 * 28 / run.epoch_s,
                       "padding_share": 0.01} if ended else {},
        "memory": {"peak_rss_gib": 0.5 + parameters / 5e7, "peak_gpu_gib": None} if ended else {},
        "versions": {"lab": "made up"},
        "git_commit": None,
        "model": {"name": name, "kind": "encoder"},
        "requested": {},
        "warnings": [],
        "seed": run.settings["seed"],
        "sweep": {"study": "made_up", "trial": run.number},
    }  # fmt: skip


def _predictions(run: Made) -> dict[str, Any]:
    """Test rows whose share of hits is the run's test accuracy."""
    rng = np.random.default_rng(run.number)
    truth = rng.choice(len(CLASSES), NUM_TEST, p=[0.31, 0.24, 0.2, 0.15, 0.1])
    right = rng.random(NUM_TEST) < run.test + 0.01
    predicted = np.where(right, truth, (truth + rng.integers(1, len(CLASSES), NUM_TEST)) % len(CLASSES))
    names = np.array(CLASSES)
    return {
        "row": np.arange(NUM_TEST), "text": [f"aviso {number}" for number in range(NUM_TEST)],
        "causa": names[truth].tolist(), "causa_predicted": names[predicted].tolist(),
        "causa_probability": np.where(right, 0.9, 0.5),
    }  # fmt: skip


def write_runs(folder: Path, num_runs: int, num_rows: int = 50, num_seeds: int = 3, seed: int = 0) -> None:
    """A study folder of `num_runs` trials, three of its `total` never started. Raises FileExistsError."""
    folder.mkdir(parents=True)
    runs = made(num_runs, num_rows, num_seeds, seed)
    best = sorted((run for run in runs if run.val), key=lambda run: -max(run.val))[:NUM_WITH_PREDICTIONS]
    shown = {run.number for run in best}
    for run in runs:
        write_run(folder / str(run.number), run, num_rows, run.number in shown)
    _write_study(StudyFolder(folder), runs)


def _write_study(study: StudyFolder, runs: list[Made]) -> None:
    space = {key: {"type": "choice", "values": list(values)} for key, values in SPACE.items()}
    study.write_study(
        {
            "study": "made_up", "search_space": space, "sampling_algorithm": "random",
            "objective": {"primary_metric": "val/f1_macro", "goal": "maximize"},
            "early_termination": {"type": "median_stopping", "evaluation_interval": 1, "delay_evaluation": 5},
            "limits": {"max_total_trials": len(runs) + 3}, "total": len(runs) + 3, "fingerprint": "made up",
            "settings": {"data.kind": "maintenance"},
        }
    )  # fmt: skip
    study.write_trials([{"trial": run.number, "state": run.status} for run in runs])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--rows", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    write_runs(options.folder, options.runs, options.rows, options.seeds, options.seed)
    print(f"{options.runs} made-up run folders in {options.folder}")


if __name__ == "__main__":
    main()
