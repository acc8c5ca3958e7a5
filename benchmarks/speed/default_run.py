"""The embedded default, end to end: wall time of `python train.py` and each head's distance to the Bayes rule.

    python -m benchmarks.speed.default_run [--seeds 42 43 44] [-- OVERRIDE ...]

Prints a row per seed and the spread, and writes benchmarks/results/default_run.json. A fresh cache folder for each run:
reading, tokenising and learning the vocabulary are in the time, as they are for somebody who runs it first.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from lab.core.record.run_folder import RunFolder

ROOT = Path(__file__).resolve().parents[2]
HEADS = ("modo", "causa", "prioridad")
LIMITS = {"wall_s": 90.0, "distance": 0.05}
"""What the project promises on two cores: seconds with imports; macro-F1 below the Bayes rule's on the same rows."""


def measured(seed: int, overrides: list[str]) -> dict[str, Any]:
    """One run in a process of its own, with an empty cache."""
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder(Path(folder) / "run")
        started = time.monotonic()
        subprocess.run(
            [sys.executable, str(ROOT / "train.py"), f"seed={seed}", f"hydra.run.dir={run.path}", *overrides],
            check=True,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            env=os.environ | {"LAB_CACHE": f"{folder}/cache", "WANDB_MODE": "offline"},
        )
        wall_s = time.monotonic() - started
        record = run.read()
    test, reference = record["metrics"]["test"], record["reference"]
    distance = {head: reference[f"{head}/f1_macro"] - test[f"{head}/f1_macro"] for head in HEADS}
    return {
        "seed": seed,
        "wall_s": wall_s,
        "fit_s": record["timing_s"]["fit"],
        "distance": distance,
        "f1_macro": {head: test[f"{head}/f1_macro"] for head in HEADS},
        "padding_share": record["throughput"]["padding_share"],
        "peak_rss_gib": record["memory"]["peak_rss_gib"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 43, 44])
    parser.add_argument("overrides", nargs="*")
    options = parser.parse_intermixed_args()
    rows = [measured(seed, options.overrides) for seed in options.seeds]
    print(
        f"{'seed':>6} {'wall s':>7} {'fit s':>6}  " + "  ".join(f"{head:>20}" for head in HEADS) + "   padding  RSS GiB"
    )
    for row in rows:
        cells = "  ".join(f"F1 {row['f1_macro'][head]:.3f} ({-row['distance'][head]:+.3f})" for head in HEADS)
        print(f"{row['seed']:>6} {row['wall_s']:>7.1f} {row['fit_s']:>6.1f}  {cells}   {row['padding_share']:>6.1%}  "
              f"{row['peak_rss_gib']:>6.2f}")  # fmt: skip
    slowest = max(row["wall_s"] for row in rows)
    furthest = max(max(row["distance"].values()) for row in rows)
    print(f"slowest {slowest:.1f} s (limit {LIMITS['wall_s']:.0f}); furthest below the Bayes rule {furthest:.3f} "
          f"(limit {LIMITS['distance']})")  # fmt: skip
    results = ROOT / "benchmarks" / "results" / "default_run.json"
    results.parent.mkdir(exist_ok=True)
    results.write_text(json.dumps({"cores": os.cpu_count(), "limits": LIMITS, "runs": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
