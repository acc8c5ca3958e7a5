"""What each technique for faster fine-tuning buys alone, and all together: time, memory, macro-F1 of each head.

    python -m benchmarks.speed.techniques [--rows 96] [--epochs 3] [--only NAME ...] [--repeats 1] [--quick]

The start: MiniLM in fp32, padded to 256, batch 16, nothing frozen, AdamW not fused, as padded_train.py runs it. Every
other line changes one thing; with the cache, states are made of padded texts, too. fit: training, validation and
checkpoints; wall: the whole process, imports included. Few rows, so a difference of a few hundredths in macro-F1 is
chance; more: --rows.
"""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness import measuring
from lab.callbacks.precision import cpu_bf16_speed

START = ["model=minilm", "trainer.precision=32", "data.max_length=256", "data.batch_size=16", "optimizer.fused=false",
         "data.leaks.action=warn"]  # fmt: skip
FROZEN = ["callbacks.freeze.layers=5"]
TECHNIQUES = {
    "start": [],
    "bf16": ["trainer.precision=bf16"],
    "max_length 128": ["data.max_length=128"],
    "dynamic padding": [],
    "5 of 6 layers frozen": FROZEN,
    "frozen, with the cache": [*FROZEN, "cache.hidden_states=true"],
    "batch 4 x 4 accumulated": ["data.batch_size=4", "trainer.accumulate_grad_batches=4"],
    "smaller encoder (tiny)": ["model=tiny"],
    "early stopping, patience 1": ["callbacks.early_stopping.patience=1"],
    "a third of the epochs": [],
    "2 loader workers": ["data.num_workers=2"],
    "fused AdamW": ["optimizer.fused=true"],
}
EMULATED = 0.2
"""So much slower than fp32 bf16 has no instructions of its own."""
ALL = "all: experiment=fast"
UNPADDED = {"dynamic padding", ALL}


def main() -> None:
    parser = measuring.parser(__doc__, repeats=1)
    parser.add_argument("--rows", type=int, default=96, help="training rows")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=[*TECHNIQUES, ALL], help="besides the start")
    options, where = measuring.arguments(parser), measuring.machine()
    num_rows, epochs, share = (32, 1, 8) if options.quick else (options.rows, options.epochs, 48)
    sizes = [f"data.max_rows.train={num_rows}", f"data.max_rows.val={share}", f"data.max_rows.test={4 * share}"]
    start = [word.replace("=256", "=24") if options.quick else word for word in START]
    names = [name for name in [*TECHNIQUES, ALL] if not options.only or name in ("start", *options.only)]
    if (speed := cpu_bf16_speed()) < EMULATED:
        print(f"bf16 is left out: this CPU multiplies it at {speed:.2f} x the speed of fp32")
        names.remove("bf16") if "bf16" in names else None
    with TemporaryDirectory() as folder:
        cache = Path(folder) / "cache"

        def run(name: str, repeat: int) -> measuring.Row:
            shutil.rmtree(cache, ignore_errors=True)
            chosen = ["experiment=fast"] if name == ALL else [*start, *TECHNIQUES[name]]
            passes = max(1, epochs // 3) if name == "a third of the epochs" else epochs
            overrides = [*chosen, *sizes, f"trainer.max_epochs={passes}", f"seed={repeat}"]
            entry = measuring.LAB if name in UNPADDED else measuring.PADDED_LAB
            return measuring.lab(_last_wins(overrides), cache, entry)

        rows = measuring.interleaved(
            {name: lambda repeat, name=name: run(name, repeat) for name in names}, options.repeats
        )
    print(where)
    print(f"{num_rows} training rows, {epochs} epochs, {4 * share} test rows")
    lines = []
    for name, repeats in rows.items():
        ratios = [measuring.faster(rows, name, "start", key) for key in ("fit_s", "wall_s")]
        fit_s, wall_s, rss = (measuring.middle(repeats, key) for key in ("fit_s", "wall_s", "peak_rss_gib"))
        trainable = repeats[0]["parameters"]["trainable"] / repeats[0]["parameters"]["total"]
        lines.append((name, f"{fit_s:.1f}", f"{ratios[0].median:.2f} x", f"{wall_s:.1f}", f"{ratios[1].median:.2f} x",
                      f"{rss:.2f}", f"{trainable:.0%}", measuring.f1_cells(repeats)))  # fmt: skip
    measuring.table(
        ("technique", "fit s", "faster", "wall s", "faster", "RSS GiB", "trainable", "macro-F1 of the heads"), lines
    )
    measuring.write("techniques", options, where, {"runs": rows})


def _last_wins(overrides: list[str]) -> list[str]:
    """One override a key: a second one of the same key stands for the first."""
    return [f"{key}={value}" for key, value in dict(word.split("=", 1) for word in overrides).items()]


if __name__ == "__main__":
    main()
