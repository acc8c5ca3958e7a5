"""Peak memory and rows per second of `predict.py` at 10,000 and 1,000,000 rows: memory must not grow with the rows.

    python benchmarks/inference/predict_memory.py [--rows 10000 1000000] [--output FILE.json]

One ngram run is trained on generated reports. Each prediction is a process of its own, with the peak of its resident
memory from getrusage; rows per second are of the whole command, start included, and of the prediction alone, as the
difference between the two sizes.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
TRAIN = ["model=ngram", "data.num_rows=2000", "trainer.max_epochs=1", "trainer.threads=1", "logger=csv",
         "callbacks.curves.png=false", "baselines.enabled=false"]  # fmt: skip
WORDS = ["bomba", "motor", "fuga", "sello", "ruido", "vibra", "aceite", "correa", "presión", "válvula", "rodamiento",
         "turno", "parada", "cambiar", "revisar"]  # fmt: skip


def write_rows(path: Path, num: int) -> None:
    """Write texts of 5 to 30 words, all different."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text"])
        for row in range(num):
            words = [WORDS[(row * 7 + place * place) % len(WORDS)] for place in range(5 + row % 26)]
            writer.writerow([row, f"{' '.join(words)} {row}"])


def measured(line: list[str], folder: Path) -> tuple[float, float]:
    """Run a command; return its peak resident memory in MiB and its seconds."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *line], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{line} ended with {status}")
    return usage.ru_maxrss / 1024, time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measured([str(ROOT / "train.py"), *TRAIN, "hydra.run.dir=run", f"cache.dir={folder / 'cache'}"], folder)
        for num in options.rows:
            write_rows(folder / f"{num}.csv", num)
            line = [str(ROOT / "predict.py"), "run=run", f"input={num}.csv", f"output=out_{num}.csv", "device=cpu"]
            peak, seconds = measured(line, folder)
            results.append({"rows": num, "peak_mib": round(peak, 1), "seconds": round(seconds, 1)})
            print(f"{num:>9,} rows: peak {peak:,.0f} MiB, {seconds:,.1f} s", flush=True)
    first, last = results[0], results[-1]
    if len(results) > 1:
        rate = (last["rows"] - first["rows"]) / (last["seconds"] - first["seconds"])
        print(f"{rate:,.0f} rows per second; peak grows by {last['peak_mib'] - first['peak_mib']:,.0f} MiB")
        results.append({"rows_per_s": round(rate), "growth_mib": round(last["peak_mib"] - first["peak_mib"], 1)})
    if options.output is not None:
        options.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
