"""How torch's threads should wait for each other: asleep or spinning, on a quiet machine and beside busy processes.

    python -m benchmarks.speed.threads [--rows 240] [--epochs 2] [--spins 2000 30000] [--repeats 1] [--quick]

One run of train.py (MiniLM, all layers, the faster precision) under each way: `asleep` is OMP_WAIT_POLICY=PASSIVE, a
number libgomp's GOMP_SPINCOUNT (rounds of a loop before a thread sleeps), 300000 what libgomp does unasked. Ratios are
samples per second against `asleep`. Busy: as many processes as cores that compute without end.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness import measuring

ASLEEP = "asleep"
UNASKED = 300_000
WORK = ["model=minilm", "trainer.precision=auto", "data.batch_size=32", "data.leaks.action=warn"]
SMALL = ["model=tiny", "data.batch_size=32", "data.leaks.action=warn"]


def environment(way: str) -> dict[str, str]:
    return {"OMP_WAIT_POLICY": "PASSIVE"} if way == ASLEEP else {"GOMP_SPINCOUNT": way}


@contextmanager
def beside(num_busy: int) -> Iterator[None]:
    """Busy processes, ended with the block."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(num_busy)]
    try:
        yield
    finally:
        for one in busy:
            one.kill()
            one.wait()


def run(way: str, num_busy: int, overrides: list[str], cache: Path, repeat: int) -> measuring.Row:
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        os.environ.pop(name, None)
    os.environ.update(environment(way))
    with beside(num_busy):
        return measuring.lab([*overrides, f"seed={repeat}"], cache)


def main() -> None:
    parser = measuring.parser(__doc__, repeats=1)
    parser.add_argument("--rows", type=int, default=240, help="training rows")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--spins", type=int, nargs="+", default=[2000, 30_000])
    options, where = measuring.arguments(parser), measuring.machine()
    num_rows, epochs = (32, 1) if options.quick else (options.rows, options.epochs)
    work = SMALL if options.quick else WORK
    ways = [ASLEEP, *map(str, [*options.spins, UNASKED])][: 2 if options.quick else None]
    shared = [*work, f"data.max_rows.train={num_rows}", "data.max_rows.val=32", "data.max_rows.test=32",
              f"data.num_rows={max(400, num_rows * 2)}", f"trainer.max_epochs={epochs}"]  # fmt: skip
    result, lines = {}, []
    with TemporaryDirectory() as folder:
        for name, num_busy in (("quiet", 0), ("busy", os.cpu_count() or 1)):
            contestants: dict[str, Callable[[int], measuring.Row]] = {
                way: partial(run, way, num_busy, shared, Path(folder)) for way in ways
            }
            rows = result[name] = measuring.interleaved(contestants, options.repeats)
            for way, repeats in rows.items():
                speed = measuring.faster(rows, way, ASLEEP, "samples_per_s")
                lines.append((f"{name}, {way}", f"{measuring.middle(repeats, 'samples_per_s'):.1f}", speed,
                              f"{measuring.middle(repeats, 'cpu_s'):.0f}"))  # fmt: skip
    print(where)
    measuring.table(("machine, threads", "samples/s", "faster than asleep", "CPU s"), lines)
    measuring.write("threads", options, where, {"runs": result})


if __name__ == "__main__":
    main()
