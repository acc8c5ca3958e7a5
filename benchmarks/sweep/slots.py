"""How busy two slots are when trials differ in length by 1 to 4: `lab` against batches of hydra-optuna-sweeper.

    python -m benchmarks.sweep.slots [--trials 40] [--repeats 3] [--sleep 1.0]

Trials sleep one to four times `--sleep` seconds, drawn at random. Busy is the share of the slots' time, from the
first trial's beginning to the last one's end, in which a trial did its work; the wait of one slot for the other's last
trial counts as idle. joblib in one batch has no barrier, and a sampler that sees no result.
"""

import argparse
from dataclasses import asdict
from pathlib import Path

from benchmarks.harness.multirun import JOBLIB, JOBLIB_AT_ONCE, LAB, Times, run
from benchmarks.harness.table import RESULTS, finish, shown, spread

BUSY_LIMIT = 0.95
LENGTHS = "optimizer.lr=interval(1e-3,4e-3)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--sleep", type=float, default=1.0, help="seconds of the shortest trial")
    parser.add_argument("--launchers", nargs="+", default=[LAB, JOBLIB, JOBLIB_AT_ONCE])
    parser.add_argument("--results", type=Path, default=RESULTS / "sweep_slots.json")
    options = parser.parse_args()
    result: dict[str, list[Times]] = {by: [] for by in options.launchers}
    for _ in range(options.repeats):
        for by, times in result.items():
            times.append(run(by, options.trials, [LENGTHS], options.sleep))
    rows = []
    for by, times in result.items():
        busy = spread([one.busy for one in times])
        share = spread([one.own / one.num_jobs for one in times])
        span = spread([one.span for one in times])
        rows.append([by, shown(share), shown(span, 1), shown(busy, 3)])
    reported = {by: [asdict(one) | {"busy": one.busy} for one in times] for by, times in result.items()}
    head = [f"{options.trials} trials, 2 slots", "own s/trial", "first to last s", "busy"]
    finish("sweep_slots", head, rows, {"limits": {"busy": BUSY_LIMIT}, "runs": reported}, options.results)
    print(f"limit: busy at least {BUSY_LIMIT:g}")


if __name__ == "__main__":
    main()
