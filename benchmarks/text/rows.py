"""Cost and memory against rows: generated reports with three heads, in memory and streamed from shards.

    python -m benchmarks.text.rows [--rows 10000 100000 1000000] [--ways memory streamed] [--quick] [OVERRIDE ...]

`model=ngram`, one epoch, batches of 512, all else as shipped (checks, baselines, calibration, review). Each run is a
process with an empty cache. The slope between two sizes is of log(seconds) against log(rows): 1 means that twice the
rows cost twice the time. Writes benchmarks/results/rows.json, in which sizes that are not measured again stay, and,
unless --quick, docs/img/rows.png.
"""

import json
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
CHUNK, SHARD = 50_000, 250_000
TRAINING = [
    "data=csv", "data.text=[text]", "data.labels=[modo,causa,prioridad]", "data.batch_size=512", "model=ngram",
    "data.eval_batch_size=512", "trainer.max_epochs=1", "data.leaks.action=warn", "baselines.enabled=true",
]  # fmt: skip
WAYS = ("memory", "streamed")
KEYS = ("wall_s", "cpu_s", "train_s", "rest_s", "peak_rss_gib")
SLOPES = ("cpu_s", "train_s", "rest_s")


def table(start: int, num: int) -> Any:
    """Reports `start` to `start + num` as text columns."""
    reports = generate(num, seed=start // CHUNK)
    columns = {"text": pa.array(reports.texts, pa.string())}
    for head, codes in reports.labels.items():
        columns[head] = pa.array(reports.classes[head], pa.string()).take(pa.array(codes))
    return pa.table(columns)


def write(folder: Path, num_rows: int, way: str) -> list[str]:
    """The rows as one CSV or as Parquet shards, and the overrides that read them. Memory: `CHUNK` rows."""
    schema, writer = table(0, 10).schema, None
    if way == "memory":
        with pyarrow.csv.CSVWriter(folder / "rows.csv", schema) as writer:
            for start in range(0, num_rows, CHUNK):
                writer.write_table(table(start, min(CHUNK, num_rows - start)))
        return [f"data.path={folder}/rows.csv"]
    for first in range(0, num_rows, SHARD):
        with pyarrow.parquet.ParquetWriter(folder / f"{first:09}.parquet", schema) as writer:
            for start in range(first, min(first + SHARD, num_rows), CHUNK):
                writer.write_table(table(start, min(CHUNK, num_rows - start)), row_group_size=10_000)
    return ["data.streaming=true", f"data.train={folder}"]


def measured(num_rows: int, way: str, turn: int, extra: list[str]) -> measuring.Row:
    """One run; rest_s: seconds without those of the training rows' own epoch."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "rows"
        folder.mkdir()
        overrides = [*TRAINING, *write(folder, num_rows, way), f"seed={turn}", *extra]
        row = measuring.lab(overrides, Path(temporary) / "cache")
    return row | {"rest_s": row["wall_s"] - row["train_s"]}


def earlier(options: Any) -> dict[str, list[measuring.Row]]:
    """The rows of other sizes and ways that the file of results has already."""
    path = (options.results or measuring.RESULTS) / "rows.json"
    if options.quick or not path.is_file():
        return {}
    return dict(json.loads(path.read_text(encoding="utf-8"))["runs"])


def sizes_of(rows: dict[str, list[measuring.Row]], way: str) -> list[int]:
    """The numbers of rows that were measured, ascending."""
    return sorted(int(name.split()[1].replace(",", "")) for name in rows if name.split()[0] == way)


def slopes_of(rows: dict[str, list[measuring.Row]]) -> dict[str, dict[str, list[float]]]:
    """Per way and measure, the slopes between neighbouring sizes."""
    result = {}
    for way in WAYS:
        sizes = sizes_of(rows, way)
        each = {key: [measuring.middle(rows[f"{way} {size:,}"], key) for size in sizes] for key in SLOPES}
        result[way] = {key: slopes(sizes, values) for key, values in each.items()}
    return result


def slopes(sizes: list[int], seconds: list[float]) -> list[float]:
    """Slopes between neighbouring sizes in logarithms."""
    return (np.diff(np.log(seconds)) / np.diff(np.log(sizes))).tolist()


def picture(rows: dict[str, list[measuring.Row]], target: Path) -> None:
    """Seconds and memory against rows, both ways."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, (time, memory) = pyplot.subplots(1, 2, figsize=(9, 3.6), constrained_layout=True)
    for color, way in zip(("#0072B2", "#D55E00"), WAYS, strict=True):
        known = sizes_of(rows, way)
        if not known:
            continue
        for key, style, what in (("train_s", "-", "training"), ("rest_s", "--", "all else")):
            seconds = [measuring.middle(rows[f"{way} {size:,}"], key) for size in known]
            last = f", slope {slopes(known, seconds)[-1]:.2f}" if len(known) > 1 else ""
            time.loglog(known, seconds, style, marker="o", ms=4, color=color, label=f"{way}: {what}{last}")
        peaks = [measuring.middle(rows[f"{way} {size:,}"], "peak_rss_gib") for size in known]
        memory.semilogx(known, peaks, marker="o", ms=4, color=color, label=way)
    time.set(xlabel="rows", ylabel="seconds")
    memory.set(xlabel="rows", ylabel="peak memory, GiB", ylim=(0, None))
    for axes in (time, memory):
        axes.grid(visible=True, alpha=0.3)
        axes.legend(fontsize=8, frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(target, dpi=130)


def main() -> None:
    parser = measuring.parser(__doc__, repeats=1)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("overrides", nargs="*")
    options, where = measuring.arguments(parser), measuring.machine()
    sizes = [200, 400] if options.quick else options.rows
    rows = earlier(options)
    for size in sizes:
        for way in options.ways:
            name = f"{way} {size:,}"
            run = {name: lambda turn, size=size, way=way: measured(size, way, turn, options.overrides)}
            rows |= measuring.interleaved(run, options.repeats)
            measuring.write("rows", options, where, {"runs": rows, "slopes": slopes_of(rows)})
    print(where)
    cells = [
        (name, *(f"{measuring.middle(turns, key):.2f}" for key in KEYS), measuring.f1_cells(turns))
        for name, turns in rows.items()
    ]
    measuring.table(("way, rows", "wall s", "CPU s", "training s", "all else s", "RSS GiB", "test macro-F1"), cells)
    for way, of_way in slopes_of(rows).items():
        print(
            f"{way}: slopes", "; ".join(f"{key} {' '.join(f'{s:.2f}' for s in each)}" for key, each in of_way.items())
        )
    if not options.quick:
        picture(rows, PICTURE)


if __name__ == "__main__":
    main()
