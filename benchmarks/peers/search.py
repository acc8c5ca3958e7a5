"""Ten learning rates of one small model, two trials at a time, under ASHA: `train.py -m` and Ray Tune.

Both train the same LightningModule on the same rows with the same ten rates in the same order; only what runs, watches
and ends the trials differs. lab also writes a run folder, with checkpoints, for every trial.
"""

import json
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.peers.contestants import TYPED, WIDTH
from benchmarks.peers.working import ROOT, last_line, ran

RATES = ("1e-5", "1e-4", "3e-4", "1e-3", "3e-3", "1e-2", "3e-2", "1e-1", "3e-1", "1.0")
LAB = (
    "python train.py -m 'plugins=[module]' model=custom model._target_=module.Net data=custom "
    "data._target_=module.Texts +data.folder=. data.metric=val/acc objective.mode=max logger=csv trainer.threads=1 "
    "trainer.max_epochs={epochs} hydra/sweeper=lab hydra.sweep.dir=results sweep.study=search "
    "sweep.sampling_algorithm=grid sweep.limits.max_concurrent_trials=2 "
    f"'sweep.early_termination={{type: asha, min_resource: 1, reduction_factor: 3}}' optimizer.lr={','.join(RATES)}"
)
RAY = "python search.py {epochs}"


def searches(data: Path, place: Path, environment: Mapping[str, str], epochs: int) -> dict[str, Any]:
    """{name: seconds of the command, lines typed, best val/acc, epochs trained, trials}, or the line that failed."""
    found = {}
    for name, command, read in (("lab", LAB, _by_lab), ("ray_tune", RAY, _by_ray)):
        folder = place / name
        folder.mkdir(parents=True)
        typed = [*(TYPED / "search").glob("*.py"), *((TYPED / "ray_tune").glob("*.py") if name == "ray_tune" else ())]
        for path in [*typed, *(data / f"{split}.csv" for split in ("train", "val"))]:
            shutil.copy(path, folder / path.name)
        if name == "lab":
            (folder / "train.py").symlink_to(ROOT / "train.py")
        command = command.replace("{epochs}", str(epochs))
        done = ran(command, folder, environment)
        if done["rc"]:
            found[name] = {"failed": last_line(done["output"])}
            continue
        found[name] = {"wall_s": done["wall_s"], "lines": _lines(name, command), **read(folder)}
    return found


def _by_lab(folder: Path) -> dict[str, Any]:
    trials = sorted(path.parent for path in (folder / "results").glob("*/run.json"))
    epochs = sum(
        len({json.loads(line)["epoch"] for line in (trial / "history.jsonl").read_text(encoding="utf-8").splitlines()})
        for trial in trials
    )
    winner = json.loads((folder / "results" / "summary.json").read_text(encoding="utf-8"))["winner"]
    return {"best": winner["value"], "epochs": epochs, "trials": len(trials)}


def _by_ray(folder: Path) -> dict[str, Any]:
    results = [
        [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for path in (folder / "results").rglob("result.json")
    ]
    best = max(row["acc"] for rows in results for row in rows)
    failed = int(pd.read_csv(folder / "trials.csv")["acc"].isna().sum())
    return {"best": best, "epochs": sum(map(len, results)), "trials": len(results) - failed}


def _lines(name: str, command: str) -> int:
    """What is typed beside the model and its data, which both share."""
    script = (TYPED / "ray_tune" / "search.py").read_text(encoding="utf-8").splitlines() if name == "ray_tune" else []
    typed = [line for line in script if line.strip() and not line.strip().startswith("#")]
    return sum(math.ceil(len(line) / WIDTH) for line in [command, *typed])
