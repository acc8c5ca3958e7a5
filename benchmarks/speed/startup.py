"""Seconds from the launch of train.py to its first training step, and which packages the imports spend their time in.

    python -m benchmarks.speed.startup [--models tiny minilm ngram] [--repeats 3] [--quick]

The first run of a model fills its cache and is not counted. The moments are those at which train.py prints its lines;
it is stopped at the first step. The floor is a process that only does `import lightning.pytorch, transformers`, after
each round of the others; the aim is a first step at most a second later. Import seconds are each package's own
(`python -X importtime`, which makes them a bit longer), summed over its modules.
"""

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from benchmarks.harness import measuring

MARKS = {"data ready": "lengths in ", "first step": " trainable of "}
"""Moment: what stands in the line that is printed at it."""
FLOOR = "import lightning.pytorch, transformers"
IMPORT = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)")


def started(model: str, cache: Path, more: list[str]) -> tuple[measuring.Row, list[str]]:
    """Seconds from the start of the process to each of MARKS, and all lines up to the last of them."""
    with TemporaryDirectory() as folder:
        command = [sys.executable, *more, *measuring.LAB, f"model={model}", "data.num_rows=200", "logger=csv",
                   "callbacks.progress.refresh=0", f"hydra.run.dir={folder}/run"]  # fmt: skip
        environment = {name: value for name, value in os.environ.items() if name not in measuring.KEPT_OUT}
        environment |= {"LAB_CACHE": str(cache), "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1", "COLUMNS": "200"}
        began, seconds, lines = monotonic(), {}, []
        child = subprocess.Popen(command, cwd=measuring.ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                 text=True, env=environment)  # fmt: skip
        assert child.stdout is not None
        for line in child.stdout:
            lines.append(line)
            seconds |= {mark: monotonic() - began for mark, words in MARKS.items() if words in line}
            if len(seconds) == len(MARKS):
                break
        child.send_signal(signal.SIGKILL)
        child.communicate()
    if len(seconds) < len(MARKS):
        raise SystemExit("train.py ended before its first step:\n" + "".join(lines[-15:]))
    return {"wall_s": seconds["first step"], **seconds}, lines


def floor() -> measuring.Row:
    """Seconds of a process that imports Lightning and transformers, and ends."""
    began = monotonic()
    subprocess.run([sys.executable, "-c", FLOOR], check=True)
    return {"wall_s": monotonic() - began}


def import_seconds(lines: list[str]) -> list[tuple[str, float]]:
    """Own seconds of each top-level package, the largest first."""
    totals: Counter[str] = Counter()
    for line in lines:
        result = IMPORT.match(line)
        if result:
            totals[result[2].split(".")[0]] += int(result[1])
    return [(name, microseconds / 1e6) for name, microseconds in totals.most_common()]


def main() -> None:
    parser = measuring.parser(__doc__, repeats=3)
    parser.add_argument("--models", nargs="+", default=["tiny", "minilm", "ngram"])
    options, where = measuring.arguments(parser), measuring.machine()
    models = ["ngram"] if options.quick else options.models
    with TemporaryDirectory() as folder:
        cache = Path(folder)
        for model in models:
            started(model, cache, [])
        rows = measuring.interleaved(
            {model: lambda _, model=model: started(model, cache, [])[0] for model in models}
            | {FLOOR: lambda _: floor()},
            options.repeats,
        )
        least = measuring.middle(rows.pop(FLOOR), "wall_s")
        imports = import_seconds(started(models[-1 if options.quick else 0], cache, ["-X", "importtime"])[1])
    print(where)
    measuring.table(
        ("model", *(f"{mark} s" for mark in MARKS), "above the floor", "range"),
        [
            (model, *(f"{measuring.middle(repeats, mark):.1f}" for mark in MARKS),
             f"{measuring.middle(repeats, 'first step') - least:.1f}",
             f"{min(repeat['wall_s'] for repeat in repeats):.1f}-{max(repeat['wall_s'] for repeat in repeats):.1f}")
            for model, repeats in rows.items()
        ],
    )  # fmt: skip
    print(f"floor, {FLOOR}: {least:.1f} s")
    total = sum(seconds for _, seconds in imports)
    print(f"imports, {total:.1f} s in all: " + ", ".join(f"{name} {seconds:.2f}" for name, seconds in imports[:14]))
    measuring.write("startup", options, where, {"runs": rows, "floor_s": least, "import_s": dict(imports[:40])})


if __name__ == "__main__":
    main()
