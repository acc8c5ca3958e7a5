"""Layers 0-9 of 12 frozen, 10 epochs: with the frozen-prefix cache against transformers' Trainer.

    python -m benchmarks.speed.frozen [--rows 200] [--epochs 10] [--precision auto] [--repeats 1] [OVERRIDE ...]

BETO's architecture (random weights: it is about time) on the embedded reports, batch 16. The first run has an
empty cache and its making is in its time, the second finds the cache there. train: the epochs' training alone, on which
the targets are; fit: with the validation and the checkpoints of each epoch (the Trainer writes one file of all weights,
lab one to go on from and, when it is the best, another). Every epoch of every contestant is really trained.

Three more show where it comes from: the Trainer with its frozen layers in eval mode, which nobody gets unasked, the
same with this project's setting of malloc, and lab without the cache.
"""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness import measuring

BASE = ["model=beto", "model.pretrained=false", "data.leaks.action=warn", "data.batch_size=16"]  # fmt: skip
SMALL = ["model.vocabulary_size=500", "model.architecture.vocab_size=500", "model.architecture.hidden_size=24",
         "model.architecture.intermediate_size=24"]  # fmt: skip
FROZEN = ["callbacks.freeze.layers=10"]
CACHED = [*FROZEN, "cache.hidden_states=true"]
TARGETS = {("making it", "frozen"): 2.2, ("making it", "all"): 5.0, ("there", "frozen"): 2.6, ("there", "all"): 6.0}
"""(cache, what the Trainer trains): times faster than it."""


def main() -> None:
    parser = measuring.with_precision(measuring.parser(__doc__, repeats=1))
    parser.add_argument("--rows", type=int, default=200, help="training rows")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("overrides", nargs="*")
    options, where = measuring.arguments(parser), measuring.machine()
    num_rows, epochs = (64, 2) if options.quick else (options.rows, options.epochs)
    sizes = [f"data.max_rows.train={num_rows}", f"data.num_rows={num_rows * 3}", f"data.max_rows.val={num_rows // 8}",
             f"data.max_rows.test={num_rows // 8}", f"trainer.max_epochs={epochs}",
             f"trainer.precision={options.precision}"]  # fmt: skip
    shared = [*BASE, *(SMALL if options.quick else []), *sizes, *options.overrides]

    with TemporaryDirectory() as folder:
        cache = Path(folder) / "cache"

        def making_it(repeat: int) -> measuring.Row:
            shutil.rmtree(cache, ignore_errors=True)
            row = measuring.lab([*shared, *CACHED, f"seed={repeat}"], cache)
            assert row["cache"]["hits"] == 0, "the cache was there already"
            return row

        def there(repeat: int) -> measuring.Row:
            row = measuring.lab([*shared, *CACHED, f"seed={repeat}"], cache)
            assert row["cache"]["hits"] == row["cache"]["entries"], "the cache was not there"
            return row

        rows = measuring.interleaved(
            {
                "trainer, all layers": lambda repeat: measuring.peer("trainer", [*shared, f"seed={repeat}"], cache),
                "trainer, 0-9 frozen": lambda repeat: measuring.peer(
                    "trainer", [*shared, *FROZEN, f"seed={repeat}"], cache
                ),
                "trainer, 0-9 frozen and in eval mode": lambda repeat: measuring.peer(
                    "trainer", [*shared, *FROZEN, f"seed={repeat}"], cache, "--still"
                ),
                "trainer, 0-9 frozen, in eval mode, memory kept": lambda repeat: measuring.peer(
                    "trainer", [*shared, *FROZEN, f"seed={repeat}"], cache, "--still", "--keep-memory"
                ),
                "lab, no cache": lambda repeat: measuring.lab([*shared, *FROZEN, f"seed={repeat}"], cache),
                "lab, making the cache": making_it,
                "lab, cache there": there,
            },
            options.repeats,
        )
    print(where)
    print(f"{num_rows} training rows, {epochs} epochs, precision {options.precision}")
    ours = {"making it": "lab, making the cache", "there": "lab, cache there"}
    theirs = {"frozen": "trainer, 0-9 frozen", "all": "trainer, all layers"}
    lines = []
    for name, repeats in rows.items():
        ratios = [measuring.faster(rows, name, peer, key) for key in ("train_s", "fit_s") for peer in theirs.values()]
        train_s, fit_s, wall_s = (f"{measuring.middle(repeats, key):.1f}" for key in ("train_s", "fit_s", "wall_s"))
        rss = f"{measuring.middle(repeats, 'peak_rss_gib'):.2f}"
        lines.append((name, train_s, *ratios[:2], fit_s, *ratios[2:], wall_s, rss))
    against = ("vs trainer, frozen", "vs trainer, all")
    measuring.table(("run", "train s", *against, "fit s", *against, "wall s", "RSS GiB"), lines)
    verdicts = [
        measuring.verdict(
            f"cache {cache}, against the trainer ({peer})",
            measuring.faster(rows, ours[cache], theirs[peer], "train_s").median,
            target,
        )
        for (cache, peer), target in TARGETS.items()
    ]
    print("\n".join(verdicts))
    measuring.write("speed_frozen", options, where, {"runs": rows, "verdicts": verdicts})


if __name__ == "__main__":
    main()
