"""Training speed against transformers' Trainer and a hand-written loop: same model, rows, batch, epochs, precision.

    python -m benchmarks.speed.peers [--models minilm base] [--precision auto] [--repeats 1] [--quick]

Full fine-tuning on the embedded maintenance reports (4 to 60 words): samples per second of training alone, the first
epoch left out; padding among the tokens trained on; macro-F1 of the heads on 2,000 test rows, mean of the repeats
(a seed each); peak RSS. `base` has BETO's architecture and random weights, so its scores say nothing. One Trainer is as
it comes, one has this project's setting of malloc, which nobody gets by default: the rest of the lead is not malloc's.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness import measuring

SHARED = ["data.leaks.action=warn", "objective.metric=val/f1_macro"]
MODELS = {
    "minilm": ["model=minilm", "data.num_rows=6000", "data.max_rows.train=960", "data.max_rows.val=120",
               "data.max_rows.test=2000", "data.split.test=0.4", "data.batch_size=32", "trainer.max_epochs=3"],
    "base": ["model=beto", "model.pretrained=false", "data.num_rows=250", "data.split.val=0.2", "data.split.test=0.2",
             "data.batch_size=16", "trainer.max_epochs=3"],
    "quick": ["model=tiny", "data.num_rows=200", "data.batch_size=32", "trainer.max_epochs=2"],
}  # fmt: skip
KINDS = {"trainer": ["trainer"], "trainer, memory kept": ["trainer", "--keep-memory"], "loop": ["loop"]}
RANDOM = "base"
TARGETS = {"trainer": 1.0, "loop": 0.97}
F1_BELOW = 0.01


def contestants(overrides: list[str], cache: Path) -> dict[str, Callable[[int], measuring.Row]]:
    def run(kind: str, repeat: int) -> measuring.Row:
        seeded = [*SHARED, *overrides, f"seed={repeat}"]
        if kind == "lab":
            return measuring.lab(seeded, cache)
        name, *options = KINDS[kind]
        return measuring.peer(name, seeded, cache, *options)

    return {kind: partial(run, kind) for kind in ("lab", *KINDS)}


def main() -> None:
    parser = measuring.with_precision(measuring.parser(__doc__, repeats=1))
    parser.add_argument("--models", nargs="+", choices=tuple(MODELS), default=["minilm", "base"])
    parser.add_argument("overrides", nargs="*")
    requested, where = measuring.arguments(parser), measuring.machine()
    names = ["quick"] if requested.quick else requested.models
    result = {}
    with TemporaryDirectory() as folder:
        for name in names:
            overrides = [*MODELS[name], f"trainer.precision={requested.precision}", *requested.overrides]
            result[name] = measuring.interleaved(contestants(overrides, Path(folder)), requested.repeats)
    print(f"{where}; precision {requested.precision}")
    lines, verdicts = [], []
    for name, rows in result.items():
        for kind, repeats in rows.items():
            speed = measuring.faster(rows, "lab", kind, "samples_per_s")
            rate, wall_s, rss = (measuring.middle(repeats, key) for key in ("samples_per_s", "wall_s", "peak_rss_gib"))
            padding, scores = measuring.padding_cell(repeats), measuring.f1_cells(repeats)
            lines.append((f"{name}, {kind}", f"{rate:.1f}", speed, f"{wall_s:.1f}", f"{rss:.2f}", padding, scores))
        for kind, target in TARGETS.items():
            ratio = measuring.faster(rows, "lab", kind, "samples_per_s").median
            verdicts.append(measuring.verdict(f"{name}: speed against the {kind}", ratio, target))
        if name != RANDOM:
            ours, theirs = measuring.mean_f1(rows["lab"]), measuring.mean_f1(rows["trainer"])
            lead = sum(ours.values()) / len(ours) - sum(theirs.values()) / len(theirs)
            verdicts.append(measuring.verdict(f"{name}: mean macro-F1 less the trainer's", lead, -F1_BELOW))
    header = ("run", "samples/s", "lab is faster", "wall s", "RSS GiB", "padding %", "macro-F1 of the heads")
    measuring.table(header, lines)
    print("\n".join(verdicts))
    measuring.write("speed_peers", requested, where, {"runs": result, "verdicts": verdicts})


if __name__ == "__main__":
    main()
