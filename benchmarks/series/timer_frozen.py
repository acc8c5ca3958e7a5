"""The frozen layers of a Timer-XL from the cache: the same run with and without it, equal scores, times apart.

    python -m benchmarks.series.timer_frozen [--epochs 4] [--frozen 3] [--repeats 2] [--quick] [OVERRIDE ...]

Timer-XL small (4 layers of 512, random weights: it is about time) on generated weather, windows of 720 hours, the first
layers frozen, fp32 and fp32 states. The first run with the cache makes it, the second finds it. fit: training,
validation, checkpoints and the cache's making; wall: the whole process.
"""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness import measuring

WORK = [
    "model=timer_xl",
    "data=rainfall",
    "data.hours=12000",
    "data.window=720",
    "data.stride=24",
    "data.batch_size=32",
]
SMALL = ["model.width=32", "model.num_heads=2", "model.ffn_width=32", "data.window=192", "data.hours=2200"]
NAMES = ("computed each time", "making the cache", "cache there")
SAME = 1e-5


def main() -> None:
    parser = measuring.parser(__doc__, repeats=2)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--frozen", type=int, default=3, help="of 4 layers")
    parser.add_argument("overrides", nargs="*")
    options, where = measuring.arguments(parser), measuring.machine()
    epochs = 1 if options.quick else options.epochs
    shared = [*WORK, *(SMALL if options.quick else []), f"trainer.max_epochs={epochs}",
              f"callbacks.freeze.layers={options.frozen}", *options.overrides]  # fmt: skip
    with TemporaryDirectory() as folder:
        cache = Path(folder) / "cache"

        def run(name: str, repeat: int) -> measuring.Row:
            if name == "making the cache":
                shutil.rmtree(cache, ignore_errors=True)
            cached = str(name != NAMES[0]).lower()
            row = measuring.lab([*shared, f"cache.hidden_states={cached}", "cache.dtype=fp32", f"seed={repeat}"], cache)
            if name == NAMES[2]:
                assert row["cache"]["hits"] == row["cache"]["entries"], "the cache was not there"
            return row

        rows = measuring.interleaved(
            {name: lambda repeat, name=name: run(name, repeat) for name in NAMES}, options.repeats
        )
    print(where)
    lines, apart = [], 0.0
    for name, repeats in rows.items():
        ratios = [measuring.faster(rows, name, NAMES[0], key) for key in ("fit_s", "wall_s")]
        fit_s, wall_s, rss = (measuring.middle(repeats, key) for key in ("fit_s", "wall_s", "peak_rss_gib"))
        lines.append((name, f"{fit_s:.1f}", ratios[0], f"{wall_s:.1f}", ratios[1], f"{rss:.2f}",
                      measuring.f1_cells(repeats)))  # fmt: skip
        for one, base in zip(repeats, rows[NAMES[0]], strict=True):
            apart = max(apart, *(abs(one["f1_macro"][head] - value) for head, value in base["f1_macro"].items()))
    measuring.table(("run", "fit s", "faster", "wall s", "faster", "RSS GiB", "test macro-F1"), lines)
    word = "met" if apart <= SAME else "MISSED"
    print(f"macro-F1 with and without the cache differ by {apart:.1e}, limit {SAME:g}: {word}")
    measuring.write("timer_frozen", options, where, {"runs": rows, "apart": apart})


if __name__ == "__main__":
    main()
