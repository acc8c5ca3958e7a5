"""Cost and memory against rows: generated reports with three heads, in memory and streamed from shards.

    python -m benchmarks.text.rows [--memory 10000 100000 1000000] [--streamed 10000 100000 1000000] [OVERRIDE ...]

`model=ngram`, one epoch, batches of 512, all else as shipped (checks, baselines, calibration, review). Each run is a
process with an empty cache. Streamed runs of more than a million rows read all shards in the first pass and train on
the first million. A slope is fitted to log(seconds) against log(rows): 1 means that twice the rows cost twice the time;
beside it the seconds per million rows, fitted with a fixed cost by least squares of relative errors. Writes
benchmarks/results/rows.json, in which sizes that are not measured again stay, and, unless --quick, docs/img/rows.png
and the table of docs/benchmarks.md; --draw makes both of that file again.
"""

import json
import os
from collections.abc import Sequence
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from benchmarks.harness import measuring
from lab.data.text.maintenance.generator import generate

PICTURE = measuring.ROOT / "docs" / "img" / "rows.png"
PAGE = measuring.ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- rows: by benchmarks.text.rows -->", "<!-- /rows -->"
CHUNK, SHARD, BATCH = 50_000, 250_000, 512
MOST_TRAINED = 1_000_000 // BATCH
"""Batches of an epoch of more rows."""
TRAINING = [
    "data=csv", "data.text=[text]", "data.labels=[modo,causa,prioridad]", f"data.batch_size={BATCH}", "model=ngram",
    f"data.eval_batch_size={BATCH}", "trainer.max_epochs=1", "data.leaks.action=warn", "baselines.enabled=true",
]  # fmt: skip
WAYS = ("memory", "streamed")
COLORS = {"memory": "#0072B2", "streamed": "#D55E00"}
KEYS = ("wall_s", "cpu_s", "train_s", "rest_s", "peak_rss_gib")
SLOPES = ("cpu_s", "train_s", "rest_s")
Rows = dict[str, list[measuring.Row]]


def table(start: int, num: int) -> Any:
    """Reports `start` to `start + num` as text columns."""
    reports = generate(num, seed=start // CHUNK)
    columns = {"text": pa.array(reports.texts, pa.string())}
    for head, codes in reports.labels.items():
        columns[head] = pa.array(reports.classes[head], pa.string()).take(pa.array(codes))
    return pa.table(columns)


def write_shard(folder: Path, num_rows: int, first: int) -> None:
    """Reports `first` to `first + SHARD` of `num_rows` as a Parquet file. Memory: `CHUNK` rows."""
    with pyarrow.parquet.ParquetWriter(folder / f"{first:09}.parquet", table(0, 10).schema) as writer:
        for start in range(first, min(first + SHARD, num_rows), CHUNK):
            writer.write_table(table(start, min(CHUNK, num_rows - start)), row_group_size=10_000)


def write(folder: Path, num_rows: int, way: str) -> list[str]:
    """The rows as one CSV or as Parquet shards, and the overrides that read them."""
    if way == "memory":
        with pyarrow.csv.CSVWriter(folder / "rows.csv", table(0, 10).schema) as writer:
            for start in range(0, num_rows, CHUNK):
                writer.write_table(table(start, min(CHUNK, num_rows - start)))
        return [f"data.path={folder}/rows.csv"]
    with get_context("spawn").Pool(min(os.cpu_count() or 1, -(-num_rows // SHARD))) as pool:
        pool.map(partial(write_shard, folder, num_rows), range(0, num_rows, SHARD), chunksize=1)
    limit = [f"trainer.limit_train_batches={MOST_TRAINED}"] if num_rows > 1_000_000 else []
    return ["data.streaming=true", f"data.train={folder}", *limit]


def measured(num_rows: int, way: str, repeat: int, extra: list[str]) -> measuring.Row:
    """One run; rest_s: seconds without those of the training rows' own epoch."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "rows"
        folder.mkdir()
        overrides = [*TRAINING, *write(folder, num_rows, way), f"seed={repeat}", *extra]
        row = measuring.lab(overrides, Path(temporary) / "cache")
    if num_rows > 1_000_000 and way == "streamed":  # of the rows that were trained on
        row |= {"train_s": MOST_TRAINED * BATCH / row["samples_per_s"], "train_rows": MOST_TRAINED * BATCH}
    return row | {"rest_s": row["wall_s"] - row["train_s"]}


def earlier(options: Any) -> Rows:
    """The rows of other sizes and ways that the file of results has already."""
    path = (options.results or measuring.RESULTS) / "rows.json"
    if options.quick or not path.is_file():
        return {}
    return dict(json.loads(path.read_text(encoding="utf-8"))["runs"])


def sizes_of(rows: Rows, way: str) -> list[int]:
    """The numbers of rows that were measured, ascending."""
    return sorted(int(name.split()[1].replace(",", "")) for name in rows if name.split()[0] == way)


def middles(rows: Rows, way: str, key: str) -> tuple[list[int], list[float]]:
    """Sizes and their medians; training time only of sizes whose rows were all trained on."""
    sizes = [size for size in sizes_of(rows, way) if key != "train_s" or size <= 1_000_000]
    return sizes, [measuring.middle(rows[f"{way} {size:,}"], key) for size in sizes]


def fitted(sizes: Sequence[int], seconds: Sequence[float]) -> dict[str, float]:
    """The slope in logarithms, and seconds = fixed_s + per_million_s * rows / 10^6 by least squares of relative errors.

    >>> {name: round(value, 6) for name, value in fitted([10**5, 10**6], [2.0, 11.0]).items()}
    {'slope': 0.740363, 'fixed_s': 1.0, 'per_million_s': 10.0}
    """
    x, y = np.array(sizes, float), np.array(seconds)
    slope = float(np.polyfit(np.log(x), np.log(y), 1)[0])
    terms = np.stack([np.ones(len(x)), x / 1e6], axis=1) / y[:, None]
    (fixed, each), *_ = np.linalg.lstsq(terms, np.ones(len(x)), rcond=None)
    return {"slope": slope, "fixed_s": float(fixed), "per_million_s": float(each)}


def slopes_of(rows: Rows) -> dict[str, dict[str, dict[str, float]]]:
    """Per way and measure the fit, where two sizes are known."""
    known = {way: {key: middles(rows, way, key) for key in SLOPES} for way in WAYS}
    return {
        way: {key: fitted(*values) for key, values in each.items() if len(values[0]) > 1} for way, each in known.items()
    }


def picture(rows: Rows, target: Path) -> None:
    """Seconds and memory against rows, both ways."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, (time, memory) = pyplot.subplots(1, 2, figsize=(10, 4), constrained_layout=True)
    fits = slopes_of(rows)
    for way in WAYS:
        for key, style, what in (("train_s", "-", "training"), ("rest_s", "--", "all else")):
            sizes, seconds = middles(rows, way, key)
            fit = fits[way].get(key)
            words = f": slope {fit['slope']:.2f}, {fit['per_million_s']:.0f} s per million" if fit else ""
            time.loglog(sizes, seconds, style, marker="o", ms=4, color=COLORS[way], label=f"{way}, {what}{words}")
        memory.semilogx(*middles(rows, way, "peak_rss_gib"), marker="o", ms=4, color=COLORS[way], label=way)
    time.set(xlabel="rows", ylabel="seconds")
    memory.set(xlabel="rows", ylabel="peak memory, GiB", ylim=(0, None))
    for axes in (time, memory):
        axes.grid(visible=True, alpha=0.3)
        axes.legend(fontsize=8, frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(target, dpi=130)


def report(where: str, rows: Rows) -> None:
    """Print the table and the fits."""
    print(where)
    names = [f"{way} {size:,}" for way in WAYS for size in sizes_of(rows, way)]
    cells = [
        (name, *(f"{measuring.middle(rows[name], key):.2f}" for key in KEYS), measuring.f1_cells(rows[name]))
        for name in names
    ]
    measuring.table(("way, rows", "wall s", "CPU s", "training s", "all else s", "RSS GiB", "test macro-F1"), cells)
    for way, fits in slopes_of(rows).items():
        for key, fit in fits.items():
            cost = f"{fit['fixed_s']:.1f} s + {fit['per_million_s']:.1f} s per million rows"
            print(f"{way} {key}: slope {fit['slope']:.2f}; {cost}")


def page_table(where: str, rows: Rows) -> str:
    """The table of the docs, and the fits."""
    lines = [
        "| | rows | wall | CPU | training | all else | peak memory | macro-F1 |", "|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for way in WAYS:
        for size in sizes_of(rows, way):
            turns = rows[f"{way} {size:,}"]
            seconds = [f"{measuring.middle(turns, key):.0f} s" for key in KEYS[:4]]
            memory, scores = f"{measuring.middle(turns, 'peak_rss_gib'):.2f} GiB", measuring.f1_cells(turns)
            trained = "" if size <= 1_000_000 else f" ({MOST_TRAINED * BATCH:,} trained on)"
            lines.append(f"| {way} | {size:,}{trained} | {' | '.join(seconds)} | {memory} | {scores} |")
    fits = [
        f"{way}, {name}: slope {fit['slope']:.2f}, {fit['per_million_s']:.0f} s per million rows"
        for way, of_way in slopes_of(rows).items()
        for key, name in (("train_s", "training"), ("rest_s", "all else"))
        if (fit := of_way.get(key))
    ]
    fitted = ["Fitted:", *(f"{fit};" for fit in fits[:-1]), f"{fits[-1]}."] if fits else []
    return "\n".join([*lines, "", f"Measured on {where}.", *fitted])


def write_page(text: str, page: Path) -> None:
    """Put a text between the marks of a page."""
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.split(END)[1]}", encoding="utf-8")


def main() -> None:
    parser = measuring.parser(__doc__, repeats=1)
    for way in WAYS:
        parser.add_argument(f"--{way}", type=int, nargs="*", default=[10_000, 100_000, 1_000_000], metavar="ROWS")
    parser.add_argument("--draw", action="store_true", help="measure nothing: the table and the picture again")
    parser.add_argument("overrides", nargs="*")
    options, where = measuring.arguments(parser), measuring.machine()
    rows = earlier(options)
    if options.draw:
        where = json.loads((measuring.RESULTS / "rows.json").read_text(encoding="utf-8"))["machine"]
    for way in () if options.draw else WAYS:
        for size in [200, 400] if options.quick else getattr(options, way):
            run = partial(measured, size, way, extra=options.overrides)
            rows |= measuring.interleaved({f"{way} {size:,}": run}, options.repeats)
            measuring.write("rows", options, where, {"runs": rows, "slopes": slopes_of(rows)})
    report(where, rows)
    if not options.quick and options.results is None:
        picture(rows, PICTURE)
        write_page(page_table(where, rows), PAGE)


if __name__ == "__main__":
    main()
