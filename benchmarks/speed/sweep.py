"""A sweep of 20 trials over head rate and dropout above a frozen prefix, with and without the shared cache.

    python -m benchmarks.speed.sweep [--rows 500] [--epochs 3] [--precision auto] [--repeats 1] [--quick] [OVERRIDE ...]

`python train.py -m` on MiniLM with 5 of 6 layers frozen, as many trials at once as there are cores. Wall seconds of the
whole command; with the cache, the first trials make it while the others wait or read. Peak RSS: the largest trial.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness import measuring
from lab.core.record.run_folder import RunFolder

RATES = "1e-3,2e-3,3e-3,5e-3,1e-2"
DROPOUTS = "0.0,0.1,0.2,0.3"
SWEEP = ["-m", "model=minilm", "callbacks.freeze.layers=5", "logger=csv", "callbacks.curves.png=false",
         "baselines.enabled=false", "data.leaks.action=warn"]  # fmt: skip


def main() -> None:
    parser = measuring.with_precision(measuring.parser(__doc__, repeats=1))
    parser.add_argument("--rows", type=int, default=500, help="training rows")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("overrides", nargs="*")
    options, where = measuring.arguments(parser), measuring.machine()
    num_rows, epochs = (32, 1) if options.quick else (options.rows, options.epochs)
    rates, dropouts = ("1e-3,3e-3", "0.1") if options.quick else (RATES, DROPOUTS)
    share = 16 if options.quick else 200
    shared = [*SWEEP, f"optimizer.head_lr={rates}", f"model.dropout={dropouts}", f"data.max_rows.train={num_rows}",
              f"data.max_rows.val={share}", f"data.max_rows.test={share}", f"trainer.max_epochs={epochs}",
              f"trainer.precision={options.precision}",
              *options.overrides]  # fmt: skip
    num_trials = len(rates.split(",")) * len(dropouts.split(","))

    def sweep(cached: bool) -> measuring.Row:
        with TemporaryDirectory() as temporary:
            folder = Path(temporary)
            command = [
                *measuring.LAB,
                *shared,
                f"cache.hidden_states={str(cached).lower()}",
                f"hydra.sweep.dir={folder}/sweep",
            ]
            row = measuring.process(command, folder / "cache", folder / "said.txt")
            trials = [RunFolder(folder / "sweep" / str(number)).read() for number in range(num_trials)]
        return row | {
            "statuses": [trial["status"] for trial in trials],
            "values": [trial["objective"]["value"] for trial in trials],
            "trial_rss_gib": max(trial["memory"]["peak_rss_gib"] for trial in trials),
        }

    rows = measuring.interleaved(
        {"without the cache": lambda _: sweep(False), "with the shared cache": lambda _: sweep(True)}, options.repeats
    )
    print(where)
    print(f"{num_trials} trials, {num_rows} training rows, {epochs} epochs, precision {options.precision}")
    lines = []
    for name, repeats in rows.items():
        done = sum(status == "completed" for status in repeats[0]["statuses"])
        ratio = measuring.faster(rows, name, "without the cache", "wall_s")
        wall, rss = f"{measuring.middle(repeats, 'wall_s'):.1f}", f"{measuring.middle(repeats, 'trial_rss_gib'):.2f}"
        lines.append((name, wall, ratio, f"{done} of {num_trials}", f"{max(repeats[0]['values']):.3f}", rss))
    measuring.table(("sweep", "wall s", "faster", "completed", "best val macro-F1", "RSS GiB"), lines)
    measuring.write("speed_sweep", options, where, {"runs": rows})


if __name__ == "__main__":
    main()
