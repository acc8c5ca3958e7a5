"""What a sweep costs beside its trials: `lab` against hydra-optuna-sweeper with joblib and with submitit_local.

    python -m benchmarks.sweep.overhead [--trials 50] [--repeats 3] [--sleep 0.1] [--trained 50] [--trained-repeats 1]

The same number of trials in two slots: once with jobs that sleep and import nothing heavy, once with train.py on a tiny
job. Overhead is slot time per trial beyond the trial's own work, from the start of the first trial to the end of the
last one. Wall is the wall-clock time of the command, with its imports. The launchers alternate, so that a slow minute
of the machine affects all of them. joblib in one batch is its best case: no barrier, and a sampler that sees no result.
"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.harness.multirun import JOBLIB, JOBLIB_AT_ONCE, LAB, SUBMITIT, Times, run
from benchmarks.harness.table import RESULTS, finish, shown, spread

OVERHEAD_LIMIT_S = 0.3
SEARCHED = "loss.label_smoothing=interval(0.0,0.2)"
TINY = (
    "model=ngram", "data.num_rows=300", "trainer.max_epochs=1", "trainer.threads=1", "logger=csv",
    "baselines.enabled=false",
)  # fmt: skip
"""A job of about a second: what surrounds it shows best."""


def measured(
    launchers: Sequence[str], trials: int, repeats: int, overrides: Sequence[str], sleep_s: float | None
) -> dict[str, list[Times]]:
    times: dict[str, list[Times]] = {by: [] for by in launchers}
    for _ in range(repeats):
        for by in launchers:
            times[by].append(run(by, trials, [*overrides, SEARCHED], sleep_s))
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--sleep", type=float, default=0.1, help="seconds of a sleeping trial")
    parser.add_argument("--trained", type=int, default=50, help="trials of train.py; 0 leaves that half out")
    parser.add_argument("--trained-repeats", type=int, default=1)
    parser.add_argument("--launchers", nargs="+", default=[LAB, JOBLIB, JOBLIB_AT_ONCE, SUBMITIT])
    parser.add_argument("--results", type=Path, default=RESULTS / "sweep_overhead.json")
    options = parser.parse_args()
    result = {
        f"sleeping {options.sleep:g} s": measured(
            options.launchers, options.trials, options.repeats, ["optimizer.lr=1e-3"], options.sleep
        )
    }
    if options.trained:
        result["train.py"] = measured(options.launchers, options.trained, options.trained_repeats, TINY, None)
    rows = []
    for jobs, by_launcher in result.items():
        first = [one.wall for one in by_launcher[options.launchers[0]]]
        for by, times in by_launcher.items():
            ratio = spread([one.wall / ours for one, ours in zip(times, first, strict=True)])
            own = spread([one.own / one.num_jobs for one in times])
            seconds = [spread([getattr(one, name) for one in times]) for name in ("overhead", "startup", "wall")]
            rows.append([f"{times[0].num_jobs} {jobs}, {by}", shown(own), *map(shown, seconds), shown(ratio)])
    reported = {jobs: {by: [asdict(one) | {"overhead": one.overhead} for one in times] for by, times in each.items()}
            for jobs, each in result.items()}  # fmt: skip
    head = ["trials", "own s", "overhead s/trial", "start-up s", "wall s", f"wall / {options.launchers[0]}"]
    finish(
        "sweep_overhead", head, rows, {"limits": {"overhead_s": OVERHEAD_LIMIT_S}, "runs": reported}, options.results
    )
    print(f"limits: overhead {OVERHEAD_LIMIT_S:g} s a trial; total wall at most that of joblib")


if __name__ == "__main__":
    main()
