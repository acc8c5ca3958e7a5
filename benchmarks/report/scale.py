"""The report at its limits: 10,000 run folders, and 20; wall time, peak memory and the size of the page.

    python -m benchmarks.report.scale [--folder FOLDER] [--runs 20 10000]

Made-up run folders of 50 history rows and ten varied keys (`runs.py`; kept in FOLDER for the next time), then
`report.py` in a process of its own, imports and figures included. Prints a row a size and writes
benchmarks/results/report_scale.json; exits with 1 where a promise is broken. Peak memory is the process's own
(ru_maxrss). The load is that of the machine's last minute before: wall time means little where it exceeds the cores.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.report.runs import write_runs

ROOT = Path(__file__).resolve().parents[2]
PROMISED = {20: {"wall_s": 10.0}, 10_000: {"wall_s": 60.0, "peak_rss_gib": 2.0, "page_mb": 15.0}}
"""What the project promises on two cores, by number of runs."""


def measured(runs: Path, num_runs: int) -> dict[str, Any]:
    """One report in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        output, load = Path(folder) / "report", os.getloadavg()[0]
        started = time.monotonic()
        subprocess.run(
            [sys.executable, str(ROOT / "report.py"), f"runs={runs}", f"output={output}"],
            check=True,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wall_s = time.monotonic() - started
        page_mb = (output / "index.html").stat().st_size / 1e6
        all_mb = sum(path.stat().st_size for path in output.rglob("*") if path.is_file()) / 1e6
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "num_runs": num_runs,
        "load_before": load,
        "wall_s": wall_s,
        "cpu_s_so_far": used.ru_utime + used.ru_stime,
        "peak_rss_gib": used.ru_maxrss / 2**20,
        "page_mb": page_mb,
        "report_mb": all_mb,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "lab_report_scale")
    parser.add_argument("--runs", type=int, nargs="+", default=sorted(PROMISED))
    options = parser.parse_args()
    rows, before = [], 0.0
    print(f"{'runs':>7} {'load':>5} {'wall s':>7} {'CPU s':>7} {'peak GiB':>9} {'page MB':>8} {'report MB':>10}")
    for num_runs in sorted(options.runs):
        runs = options.folder / str(num_runs)
        if not runs.exists():
            write_runs(runs, num_runs)
        row = measured(runs, num_runs)
        so_far = row.pop("cpu_s_so_far")
        row["cpu_s"], before = so_far - before, so_far
        rows.append(row)
        print(
            f"{num_runs:>7,} {row['load_before']:>5.1f} {row['wall_s']:>7.1f} {row['cpu_s']:>7.1f} "
            f"{row['peak_rss_gib']:>9.2f} {row['page_mb']:>8.2f} {row['report_mb']:>10.2f}",
            flush=True,
        )
    broken = [
        f"{row['num_runs']:,} runs: {name} {row[name]:.2f}, promised {limit:g}"
        for row in rows
        for name, limit in PROMISED.get(row["num_runs"], {}).items()
        if row[name] > limit
    ]
    print("\n".join(broken) or "all promises kept")
    results = ROOT / "benchmarks" / "results" / "report_scale.json"
    results.parent.mkdir(exist_ok=True)
    promised = {str(num): limits for num, limits in PROMISED.items()}
    results.write_text(json.dumps({"cores": os.cpu_count(), "promised": promised, "runs": rows}, indent=2) + "\n")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
