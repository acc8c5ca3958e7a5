"""Peak memory of a long table cut into windows: 10 million rows, every batch of an epoch's beginning and of validation.

    python -m benchmarks.series.windows_memory [--rows 10000000] [--quick]

A Parquet file of eight float32 columns, 20 groups, is written, then a process of its own loads it as
`data=series_table` with windows of 96 steps and draws batches of each split. The table: its float32 values, a
datetime64 and a group number a row in memory. Ratio of what the process grew by over that; target at most 1.5. Were
windows copied, it would be 96.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.harness.table import RESULTS, finish

ROOT = Path(__file__).resolve().parents[2]
COLUMNS, GROUPS, TARGET = 8, 20, 1.5


def write(path: Path, rows: int) -> int:
    """Write the table, a group at a time; bytes of it in memory."""
    import pyarrow as pa
    import pyarrow.parquet

    each, random = rows // GROUPS, np.random.default_rng(0)
    names = [f"c{place}" for place in range(COLUMNS)]
    fields = [("time", pa.timestamp("s")), ("group", pa.int32()), *((name, pa.float32()) for name in names)]
    times = np.datetime64("2000-01-01", "s") + np.arange(each) * np.timedelta64(60, "s")
    with pyarrow.parquet.ParquetWriter(path, pa.schema(fields)) as file:
        for group in range(GROUPS):
            values = random.normal(size=(COLUMNS, each)).astype(np.float32)
            columns = [pa.array(times), pa.array(np.full(each, group, np.int32)), *map(pa.array, values)]
            file.write_table(pa.table(columns, schema=pa.schema(fields)))
    return each * GROUPS * (4 * COLUMNS + 8 + 4)


def load_and_draw(path: Path) -> dict[str, float]:
    """In a fresh process: bytes by which memory peaked above what the imports take."""
    import threading
    import time

    import psutil
    from hydra import compose, initialize_config_dir

    from lab.config.check import check
    from lab.data.batch_sampler import Draw
    from lab.data.series.datamodule import SeriesDataModule
    from lab.data.series.dataset import load

    with initialize_config_dir(str(ROOT / "conf")):
        config = check(compose("config", [
            "data=series_table", "model=inception_time", f"data.path={path}", "data.time=time", "data.group=group",
            "data.window=96", "data.label={feature: c0, horizon: 1, threshold: 0.5}", "data.num_workers=0",
        ]))  # fmt: skip
    import lab.data.series.long_table  # its pandas is not the table's memory

    assert lab.data.series.long_table.read_panel is not None
    process, peak, done = psutil.Process(), [0], threading.Event()
    start = process.memory_info().rss

    def watch() -> None:
        while not done.wait(0.01):
            peak[0] = max(peak[0], process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.monotonic()
    found = load(config.data)  # type: ignore[arg-type]
    loaded_s = time.monotonic() - began
    data = SeriesDataModule(found, config.data, lambda _: 1, 0, False)  # type: ignore[arg-type]
    data.setup("fit")
    for number, _ in enumerate(data.train_dataloader()):
        if number == 200:
            break
    data.rows["val"][Draw(np.arange(1000), np.arange(1000))]
    done.set()
    watcher.join()
    windows = sum(len(rows) for rows in data.rows.values())
    return {"start": start, "peak": max(peak[0], process.memory_info().rss), "windows": windows, "load_s": loaded_s}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--quick", action="store_true", help="200,000 rows, no file of results")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        print(json.dumps(load_and_draw(options.child)))
        return
    rows = 200_000 if options.quick else options.rows
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        table = write(path, rows)
        child = [sys.executable, "-m", "benchmarks.series.windows_memory", "--child", str(path)]
        reported = json.loads(subprocess.run(child, check=True, capture_output=True, text=True, env=os.environ).stdout)
    grown = reported["peak"] - reported["start"]
    result = {"rows": rows, "table_mib": table / 2**20, "grown_mib": grown / 2**20, "ratio": grown / table, **reported}
    head = ["rows", "windows", "table MiB", "grown by MiB", "ratio", "target", "load s"]
    cells = [f"{rows:,}", f"{reported['windows']:,}", f"{table / 2**20:.0f}", f"{grown / 2**20:.0f}",
             f"{grown / table:.2f}", f"{TARGET}", f"{reported['load_s']:.1f}"]  # fmt: skip
    target = Path(tempfile.gettempdir()) if options.quick else RESULTS
    finish("windows_memory", head, [cells], result, target / "windows_memory.json")


if __name__ == "__main__":
    main()
