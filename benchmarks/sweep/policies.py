"""What early termination saves and what it costs: one real sweep, once under each policy.

    python -m benchmarks.sweep.policies [--trials 24] [--policies none bandit ...] [-- OVERRIDE ...]

A random search of `data=maintenance` with `model=ngram` on few rows, ten epochs a trial, over a learning rate from far
too small to far too large, batch size, dropout and label smoothing. Every policy meets the same trials under the same
seed, two at a time. Epochs are the rows of the trials' histories; best is the winner's validation macro-F1.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness.table import RESULTS, finish
from lab.core.record.run_folder import RunFolder

ROOT = Path(__file__).resolve().parents[2]
POLICIES = {
    "none": "none",
    "bandit": "{type: bandit, slack_factor: 0.1, delay_evaluation: 2}",
    "median_stopping": "{type: median_stopping, delay_evaluation: 2}",
    "truncation_selection": "{type: truncation_selection, truncation_percentage: 30, delay_evaluation: 2}",
    "asha": "{type: asha, min_resource: 1, reduction_factor: 3}",
    "hyperband": "{type: hyperband, min_resource: 1, max_resource: 10, reduction_factor: 3}",
}
SPACE = (
    "optimizer.lr=tag(log,interval(1e-5,1.0))",
    "data.batch_size=choice(32,64,128)",
    "model.dropout=interval(0.0,0.5)",
    "loss.label_smoothing=interval(0.0,0.2)",
)
SMALL = (
    "model=ngram", "data.num_rows=1000", "trainer.max_epochs=10", "trainer.threads=1", "logger=csv",
    "baselines.enabled=false",
)  # fmt: skip


def measured(policy: str, trials: int, overrides: Sequence[str]) -> dict[str, Any]:
    """One sweep. Raises RuntimeError when it fails."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / policy
        limits = f"{{max_total_trials: {trials}, max_concurrent_trials: 2}}"
        words = ["hydra/sweeper=lab", f"hydra.sweep.dir={folder}", f"sweep.study={policy}", f"sweep.limits={limits}"]
        words += ["sweep.sampling_algorithm={type: random, seed: 7}", f"sweep.early_termination={POLICIES[policy]}"]
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, str(ROOT / "train.py"), "-m", *words, *SMALL, *SPACE, *overrides],
            cwd=place, check=False, capture_output=True, text=True,
        )  # fmt: skip
        wall_s = time.monotonic() - started
        if done.returncode:
            raise RuntimeError(f"{policy}: exit {done.returncode}\n{(done.stdout + done.stderr)[-3000:]}")
        runs = [RunFolder(folder / str(number)) for number in range(trials)]
        states = Counter(run.read()["status"] for run in runs)
        winner = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["winner"]
        epochs = sum(len(run.history()) for run in runs)
    return {"wall_s": wall_s, "epochs": epochs, "states": states, "best": winner["value"], "trial": winner["trial"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--policies", nargs="+", default=list(POLICIES), choices=list(POLICIES))
    parser.add_argument("--results", type=Path, default=RESULTS / "sweep_policies.json")
    parser.add_argument("overrides", nargs="*")
    options = parser.parse_intermixed_args()
    result = {policy: measured(policy, options.trials, options.overrides) for policy in options.policies}
    base = next(iter(result.values()))
    rows = []
    for policy, one in result.items():
        saved, regret = 1 - one["epochs"] / base["epochs"], base["best"] - one["best"]
        one |= {"epochs_saved_share": saved, "wall_ratio": one["wall_s"] / base["wall_s"], "regret": regret}
        seconds = [f"{one['wall_s']:.0f}", f"{one['wall_ratio']:.2f}"]
        epochs = [str(one["states"]["terminated"]), str(one["epochs"]), f"{saved:.0%}"]
        rows.append([policy, *epochs, *seconds, f"{one['best']:.4f} (trial {one['trial']})", f"{regret:+.4f}"])
    head = [
        f"{options.trials} trials",
        "ended early",
        "epochs run",
        "saved",
        "wall s",
        "wall ratio",
        "best",
        "regret",
    ]
    finish(
        "sweep_policies",
        head,
        rows,
        {"trials": options.trials, "policies": POLICIES, "runs": result},
        options.results,
    )


if __name__ == "__main__":
    main()
