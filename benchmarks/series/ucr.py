"""Accuracy on the UCR/UEA sets that aeon ships, over seeds, beside published numbers.

    python -m benchmarks.series.ucr [--model minirocket | inception_time] [--sets GunPoint ...] [--seeds 3] [--quick]

Each cell is a run of train.py on the archive's own split, all training cases used: MiniRocket is validated by
leave-one-out, InceptionTime by nothing (`data.split.train_on_val=true`: the last epoch is tested). MiniRocket is held
to the published number within max(.01, two test rows), JapaneseVowels within .01 of aeon's own; InceptionTime,
published as an ensemble of five nets trained 1,500 epochs, to .04, as single nets of a few hundred steps. Sources:
hfawaz/InceptionTime results-InceptionTime-128.csv and
ChangWeiTan/MultiRocket results_128_resample_0.csv.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic

from benchmarks.harness import table

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED = {
    "minirocket": {"ACSF1": 0.920, "ArrowHead": 0.851, "GunPoint": 0.993, "ItalyPowerDemand": 0.965, "OSULeaf": 0.959,
                   "PickupGestureWiimoteZ": 0.840, "JapaneseVowels": 0.985},
    "inception_time": {"ArrowHead": 0.846, "GunPoint": 1.000, "ItalyPowerDemand": 0.965,
                       "PickupGestureWiimoteZ": 0.760, "OSULeaf": 0.942},
}  # fmt: skip
TEST_ROWS = {"ACSF1": 100, "ArrowHead": 175, "GunPoint": 150, "ItalyPowerDemand": 1029, "OSULeaf": 242,
             "PickupGestureWiimoteZ": 50, "JapaneseVowels": 370}  # fmt: skip
EPOCHS = {"ArrowHead": 150, "GunPoint": 150, "ItalyPowerDemand": 100, "PickupGestureWiimoteZ": 150, "OSULeaf": 60}
ONE_SEED = {("inception_time", "OSULeaf")}


@dataclass(frozen=True)
class Cell:
    """One set: test accuracy of each seed, the published one, how far the mean may be below it, seconds a run."""

    name: str
    accuracies: list[float]
    published: float
    allowed: float
    seconds: float

    @property
    def mean(self) -> float:
        return sum(self.accuracies) / len(self.accuracies)

    @property
    def met(self) -> bool:
        return self.mean >= self.published - self.allowed - 1e-9


def allowed(model: str, name: str) -> float:
    if model == "inception_time":
        return 0.04
    return 0.01 if name == "JapaneseVowels" else max(0.01, 2 / TEST_ROWS[name])


def run(model: str, name: str, seed: int, quick: bool, threads: int | None) -> tuple[float, float]:
    """Test accuracy, and wall-clock seconds of the command."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "run"
        command = [sys.executable, "train.py", "experiment=ucr", f"model={model}", f"data.name={name}", f"seed={seed}",
                   "logger=csv", "callbacks.curves.png=false", "callbacks.progress.refresh=0",
                   "baselines.enabled=false",
                   f"hydra.run.dir={folder}"]  # fmt: skip
        if model == "inception_time":
            command += [f"trainer.max_epochs={1 if quick else EPOCHS[name]}", "scheduler=cosine"]
            command += ["data.split.train_on_val=true"]
        elif quick:
            command += ["model.num_features=84"]
        if threads:
            command += [f"trainer.threads={threads}"]
        started = monotonic()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return record["metrics"]["test"]["accuracy"], monotonic() - started


def earlier(file: Path, quick: bool) -> list[Cell]:
    """Sets that were measured before, so that a table can be made a set at a time."""
    if quick or not file.exists():
        return []
    fields = Cell.__dataclass_fields__
    reported = json.loads(file.read_text(encoding="utf-8"))["cells"]
    return [Cell(**{name: cell[name] for name in fields}) for cell in reported]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", choices=sorted(PUBLISHED), default="minirocket")
    parser.add_argument("--sets", nargs="+", help="of those with a published number; all by default")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, help="of torch; all cores by default")
    parser.add_argument("--quick", action="store_true", help="that it runs, not how well")
    parser.add_argument("--results", type=Path, default=table.RESULTS)
    return parser.parse_args()


def main() -> None:
    options = arguments()
    published = PUBLISHED[options.model]
    file = options.results / f"ucr_{options.model}.json"
    measured = options.sets or list(published)
    cells = [cell for cell in earlier(file, options.quick) if cell.name not in measured]
    for name in measured:
        seeds = 1 if (options.model, name) in ONE_SEED or options.quick else options.seeds
        result = [run(options.model, name, seed, options.quick, options.threads) for seed in range(1, seeds + 1)]
        accuracies, seconds = [one[0] for one in result], [one[1] for one in result]
        cells.append(Cell(name, accuracies, published[name], allowed(options.model, name), min(seconds)))
        print(f"  {name}: {', '.join(f'{one:.3f}' for one in accuracies)}", file=sys.stderr, flush=True)
    cells.sort(key=lambda cell: list(published).index(cell.name))
    rows = [
        [cell.name, f"{cell.mean:.3f}", f"{min(cell.accuracies):.3f}-{max(cell.accuracies):.3f}",
         str(len(cell.accuracies)), f"{cell.published:.3f}", f"{cell.allowed:.3f}", "yes" if cell.met else "NO",
         f"{cell.seconds:.0f}"]
        for cell in cells
    ]  # fmt: skip
    head = ["set", "accuracy", "range", "seeds", "published", "allowed", "met", "s a run"]
    reported = {
        "model": options.model,
        "quick": options.quick,
        "cells": [asdict(cell) | {"met": cell.met} for cell in cells],
    }
    table.finish(f"ucr, {options.model}", head, rows, reported, file)


if __name__ == "__main__":
    main()
