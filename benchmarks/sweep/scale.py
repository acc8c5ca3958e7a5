"""A study on many machines, simulated: time lost, storage traffic, waits, with what single calls were measured to cost.

    python -m benchmarks.sweep.scale [--storage postgresql] [--workers 64] [--trials 1000] [--slots 8]

The study's own loop, policies and storage calls under a simulated clock (`simulation`): epochs of a minute, ten a
trial, median stopping. Costs come from `benchmarks.sweep.storage`, plus `--network-ms` for each call. One controller is
killed after a quarter of an hour. The same numbers give the same table on every machine.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.harness.table import RESULTS, finish
from benchmarks.sweep.simulation import Costs
from benchmarks.sweep.workers import Scale, simulate

KILLS = ((1, 900.0),)


def costs_of(kind: str, file: Path, network_s: float) -> Costs:
    """The measured costs of a kind of storage, with a round trip for each call."""
    measured = json.loads(file.read_text(encoding="utf-8"))["fitted_s"][kind]
    trips = {"write_s": network_s, "read_s": network_s, "lock_s": 2 * network_s, "read_trial_s": 0.0}
    return Costs(**{name: seconds + trips[name] for name, seconds in measured.items()})


def row(kind: str, result: dict[str, Any]) -> list[str]:
    calls = result["calls_per_trial"]
    return [
        f"{result['trials']} trials, {result['workers']} workers, {kind}",
        f"{result['makespan_s'] / 3600:.2f}",
        f"{result['busy_share']:.3f}",
        f"{calls['write']:.0f} + {sum(calls.values()) - calls['write']:.0f}",
        f"{result['calls_per_s']:.0f}",
        f"{result['storage_share']:.2f}",
        f"{1000 * result['answer_s']['median']:.0f} / {1000 * result['answer_s']['p99']:.0f}",
        f"{1000 * result['lock_s']['p99']:.0f}",
        str(result["starts"] - result["trials"]),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--storage", nargs="+", default=["postgresql", "grpc"])
    parser.add_argument("--workers", type=int, nargs="+", default=[64])
    parser.add_argument("--trials", type=int, nargs="+", default=[1000])
    parser.add_argument("--slots", type=int, default=8, help="GPUs of a machine, which has one controller")
    parser.add_argument("--network-ms", type=float, default=0.5)
    parser.add_argument("--costs", type=Path, default=RESULTS / "sweep_storage.json")
    parser.add_argument("--results", type=Path, default=RESULTS / "sweep_scale.json")
    options = parser.parse_args()
    rows, results = [], []
    for workers, trials in zip(options.workers, options.trials, strict=True):
        for kind in options.storage:
            costs = costs_of(kind, options.costs, options.network_ms / 1000)
            began = time.monotonic()
            with tempfile.TemporaryDirectory() as folder:
                scale = Scale(workers // options.slots, options.slots, trials, costs, kills=KILLS)
                result = simulate(scale, Path(folder))
            print(f"{trials} trials on {workers} workers: simulated in {time.monotonic() - began:.0f} s", flush=True)
            results.append({"storage": kind, "costs": vars(costs), **result})
            rows.append(row(kind, result))
    head = ["", "hours", "busy share", "writes + reads per trial", "calls/s", "storage share", "answer ms p50/p99",
            "lock ms p99", "restarted trials"]  # fmt: skip
    finish("sweep_scale", head, rows, {"slots": options.slots, "runs": results}, options.results)


if __name__ == "__main__":
    main()
