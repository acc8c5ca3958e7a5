"""The recipe that people start from against `experiment=fast`: same rows and epochs, time to the test score.

    python -m benchmarks.speed.recipe [--rows 1200] [--epochs 4] [--repeats 2] [--quick] [OVERRIDE ...]

The recipe: MiniLM in transformers' Trainer, fp32, every text padded to 256 tokens, nothing frozen, batch 16. It takes
minutes and runs once; `experiment=fast` runs `--repeats` times with other seeds, with an empty cache each time. Wall
seconds of whole processes, imports included. Scores are of 1,500 test rows: on 300 a macro-F1 moves by .03 from one
draw to the next, and the limit is .01. Overrides go to the fast one.
"""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness import measuring

RECIPE = ["model=minilm", "trainer.precision=32", "data.batch_size=16"]
TARGET, F1_BELOW = 30.0, 0.01


def main() -> None:
    parser = measuring.parser(__doc__, repeats=2)
    parser.add_argument("--rows", type=int, default=1200, help="training rows")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--recipe-lr", type=float, default=1e-4)
    parser.add_argument("overrides", nargs="*")
    options, where = measuring.arguments(parser), measuring.machine()
    num_rows, epochs, share, width = (32, 1, 8, 24) if options.quick else (options.rows, options.epochs, 150, 256)
    shared = [f"data.max_rows.train={num_rows}", f"data.max_rows.val={share}", f"data.max_rows.test={share * 10}",
              f"trainer.max_epochs={epochs}", "data.leaks.action=warn"]  # fmt: skip
    recipe = [*RECIPE, *shared, f"data.max_length={width}", f"optimizer.lr={options.recipe_lr}"]
    with TemporaryDirectory() as folder:
        cache = Path(folder) / "cache"
        slow = measuring.peer("trainer", [*recipe, "seed=0"], cache, "--pad-to", str(width))

        def fast(repeat: int) -> measuring.Row:
            shutil.rmtree(cache, ignore_errors=True)
            return measuring.lab(["experiment=fast", *shared, f"seed={repeat}", *options.overrides], cache)

        repeats = measuring.interleaved({"fast": fast}, options.repeats)["fast"]
    rows = {"recipe": [slow] * len(repeats), "fast": repeats}
    print(where)
    print(f"{num_rows} training rows, {epochs} epochs; the recipe ran once")
    lines = []
    for name, runs in rows.items():
        ratio = measuring.faster(rows, name, "recipe", "wall_s")
        wall_s, rss = measuring.middle(runs, "wall_s"), measuring.middle(runs, "peak_rss_gib")
        lines.append((name, f"{wall_s:.1f}", ratio, f"{rss:.2f}", measuring.f1_cells(runs)))
    measuring.table(("run", "wall s", "faster", "RSS GiB", "macro-F1 of the heads"), lines)
    verdicts = [measuring.verdict("faster", measuring.faster(rows, "fast", "recipe", "wall_s").median, TARGET)]
    ours, theirs = measuring.mean_f1(repeats), slow["f1_macro"]
    for head, value in ours.items():
        verdicts.append(measuring.verdict(f"macro-F1 of {head} less the recipe's", value - theirs[head], -F1_BELOW))
    print("\n".join(verdicts))
    measuring.write("speed_recipe", options, where, {"recipe": slow, "fast": repeats, "verdicts": verdicts})


if __name__ == "__main__":
    main()
