"""A CSV of 1,000,000 rows against one of 10,000: how much more memory its training takes.

    python -m benchmarks.speed.memory [--rows 10000 1000000] [--repeats 1] [--quick] [OVERRIDE ...]

Texts of 4 to 10 words with one label column; `model=ngram`, one epoch: every row is read, tokenised, shuffled and
trained on, through the same data path as any other model. Peak RSS of the whole process (memory-mapped pages of the
token cache count where they are resident), with an empty cache.
"""

import csv
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from benchmarks.harness import measuring

LIMIT_GIB = 1.0
TRAINING = ["data=csv", "data.text=[text]", "data.labels=[label]", "model=ngram", "trainer.max_epochs=1",
            "data.batch_size=512", "data.eval_batch_size=512", "data.leaks.action=warn"]  # fmt: skip
SYLLABLES = ("ba", "cor", "di", "fu", "gal", "ho", "ju", "lem", "mi", "nos", "pu", "ras", "so", "tri", "ve", "zu")


def write_csv(path: Path, num_rows: int) -> None:
    """Seeded rows: 3,000 made-up words, four labels, one word in five tells the label."""
    random = Random(0)
    words = ["".join(random.choices(SYLLABLES, k=random.randint(2, 4))) for _ in range(3000)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for number in range(num_rows):
            label = random.randrange(4)
            said = [
                words[label * 10 + random.randrange(10)] if random.random() < 0.2 else random.choice(words)
                for _ in range(random.randint(4, 9))
            ]
            writer.writerow([f"{' '.join(said)} {number}", "ABCD"[label]])


def main() -> None:
    parser = measuring.parser(__doc__, repeats=1)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("overrides", nargs="*")
    options, where = measuring.arguments(parser), measuring.machine()
    sizes = [100, 400] if options.quick else options.rows
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for num_rows in sizes:
            write_csv(folder / f"{num_rows}.csv", num_rows)

        def run(num_rows: int, repeat: int) -> measuring.Row:
            overrides = [*TRAINING, f"data.path={folder}/{num_rows}.csv", f"seed={repeat}", *options.overrides]
            return measuring.lab(overrides, folder / f"cache-{num_rows}-{repeat}")

        rows = measuring.interleaved(
            {f"{num_rows:,} rows": lambda repeat, num_rows=num_rows: run(num_rows, repeat) for num_rows in sizes},
            options.repeats,
        )
    print(where)
    rss = {name: measuring.middle(repeats, "peak_rss_gib") for name, repeats in rows.items()}
    least = next(iter(rss.values()))
    measuring.table(
        ("CSV", "wall s", "fit s", "RSS GiB", "growth GiB", "test macro-F1"),
        [
            (name, f"{measuring.middle(repeats, 'wall_s'):.1f}", f"{measuring.middle(repeats, 'fit_s'):.1f}",
             f"{rss[name]:.2f}", f"{rss[name] - least:+.2f}", measuring.f1_cells(repeats))
            for name, repeats in rows.items()
        ],
    )  # fmt: skip
    growth = max(rss.values()) - least
    word = "met" if growth < LIMIT_GIB else "MISSED"
    print(f"RSS growth {growth:.2f} GiB, target below {LIMIT_GIB}: {word}")
    measuring.write("speed_memory", options, where, {"runs": rows, "growth_gib": growth})


if __name__ == "__main__":
    main()
