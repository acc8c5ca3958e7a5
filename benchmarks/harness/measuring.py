"""How every speed benchmark measures: processes of their own, repeats interleaved, ratios with their spread, JSON.

Contestants alternate (A B C, A B C, ...), so that a machine that slows down slows all of them. A ratio is taken inside
each repeat; the table shows the median and the range over repeats. Peak RSS is what the system says of the process
(wait4), cpu_s its user and system seconds, which other processes on the machine disturb less than wall time.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Any

from lab.callbacks.precision import PAYS, cpu_bf16_speed
from lab.core.record.run_folder import RunFolder

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
LAB = [str(ROOT / "train.py")]
PADDED_LAB = [str(ROOT / "benchmarks" / "harness" / "padded_train.py")]
PEERS = str(ROOT / "benchmarks" / "harness" / "peers.py")
KEPT_OUT = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Taken out of the environment: every contestant chooses its own threads."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Spread:
    """A ratio over the repeats."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, ratios: Sequence[float]) -> "Spread":
        return cls(median(ratios), min(ratios), max(ratios))

    def __str__(self) -> str:
        return f"{self.median:.2f} x ({self.low:.2f}-{self.high:.2f})"


def process(command: Sequence[str], cache: Path, log: Path) -> Row:
    """One Python process to its end: {wall_s, cpu_s, peak_rss_gib}. Raises SystemExit with its last lines.

    log: where what it says goes.
    """
    environment = {name: value for name, value in os.environ.items() if name not in KEPT_OUT}
    environment |= {"LAB_CACHE": str(cache), "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "true"}
    with log.open("w", encoding="utf-8") as said:
        started = monotonic()
        child = subprocess.Popen([sys.executable, *command], cwd=ROOT, stdout=said, stderr=said, env=environment)
        _, status, usage = os.wait4(child.pid, 0)
        wall_s = monotonic() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
        raise SystemExit(f"{' '.join(command)} ended with {child.returncode}:\n{tail}")
    unit = 2**30 if sys.platform == "darwin" else 2**20  # bytes there, KiB elsewhere
    return {"wall_s": wall_s, "cpu_s": usage.ru_utime + usage.ru_stime, "peak_rss_gib": usage.ru_maxrss / unit}


def lab(overrides: Sequence[str], cache: Path, entry: Sequence[str] = LAB) -> Row:
    """One run of train.py as a process: the values of `process`, and those of its record.

    samples_per_s: training alone, mean of the epochs after the first. train_s: all epochs' training alone; fit_s: with
    validation and checkpoints. The making of a frozen-prefix cache is in both.
    """
    with tempfile.TemporaryDirectory() as temporary:
        run = RunFolder(Path(temporary) / "run")
        alone = ["logger=csv", "callbacks.curves.png=false", "baselines.enabled=false"]
        command = [*entry, *alone, f"hydra.run.dir={run.path}", *overrides]
        row = process(command, cache, Path(temporary) / "said.txt")
        record, history = run.read(), run.history()
    making_s = (record.get("cache") or {}).get("seconds", 0.0)
    rates = [epoch["train/samples_per_s"] for epoch in history]
    test = record["metrics"]["test"]
    heads = [name.removesuffix("/f1_macro") for name in test if name.endswith("/f1_macro")]
    return row | {
        "train_s": sum(record["data"]["rows"]["train"] / rate for rate in rates) + making_s,
        "fit_s": record["timing_s"]["fit"] + making_s,
        "parts_s": {part: record["timing_s"].get(part) for part in ("total", "setup", "fit", "test", "baselines")},
        "samples_per_s": harmonic_mean(rates[1:] or rates),
        "padding_share": record["throughput"].get("padding_share"),
        "epochs": len(history),
        "train_rows": record["data"]["rows"]["train"],
        "cache": record.get("cache"),
        "parameters": record["parameters"],
        "f1_macro": {head: test[f"{head}/f1_macro"] for head in heads} or {"": test["f1_macro"]},
    }


def peer(kind: str, overrides: Sequence[str], cache: Path, *options: str) -> Row:
    """One run of a peer (`trainer` or `loop` of peers.py) on the same config: `process`, and what it found."""
    with tempfile.TemporaryDirectory() as temporary:
        result = Path(temporary) / "found.json"
        row = process([PEERS, kind, str(result), *options, *overrides], cache, Path(temporary) / "said.txt")
        return row | json.loads(result.read_text(encoding="utf-8"))


def harmonic_mean(rates: Sequence[float]) -> float:
    """The rate over all of several equal pieces of work."""
    return len(rates) / sum(1 / rate for rate in rates)


def interleaved(contestants: Mapping[str, Callable[[int], Row]], repeats: int) -> dict[str, list[Row]]:
    """Each contestant once in each repeat, called with its number."""
    rows: dict[str, list[Row]] = {name: [] for name in contestants}
    for repeat in range(repeats):
        for name, run in contestants.items():
            rows[name].append(run(repeat))
            print(f"  repeat {repeat + 1} of {repeats}: {name}, {rows[name][-1]['wall_s']:.0f} s", file=sys.stderr)
    return rows


def faster(rows: Mapping[str, list[Row]], ours: str, theirs: str, key: str) -> Spread:
    """How many times faster `ours` is. key: seconds (ends in _s) or, if in _per_s, a rate."""
    pairs = [(mine[key], other[key]) for mine, other in zip(rows[ours], rows[theirs], strict=True)]
    return Spread.of([mine / other if key.endswith("_per_s") else other / mine for mine, other in pairs])


def middle(rows: Sequence[Row], key: str) -> float:
    return float(median(row[key] for row in rows))


def mean_f1(rows: Sequence[Row]) -> dict[str, float]:
    """Test macro-F1 of each head, mean over repeats."""
    return {head: sum(row["f1_macro"][head] for row in rows) / len(rows) for head in rows[0]["f1_macro"]}


def padding_cell(rows: Sequence[Row]) -> str:
    """Share of padding among the training tokens, percent."""
    shares = [row["padding_share"] for row in rows if row.get("padding_share") is not None]
    return f"{100 * sum(shares) / len(shares):.1f}" if shares else ""


def f1_cells(rows: Sequence[Row]) -> str:
    return " ".join(f"{value:.3f}" for value in mean_f1(rows).values())


def verdict(what: str, value: float, target: float) -> str:
    return f"{what}: {value:.2f}, target at least {target}: {'met' if value >= target else 'MISSED'}"


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Columns under their names, the first to the left."""
    cells = [list(header), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    for row in cells:
        print("  ".join(f"{cell:<{width}}" if place == 0 else f"{cell:>{width}}"
                        for place, (cell, width) in enumerate(zip(row, widths, strict=True))))  # fmt: skip


def machine() -> str:
    """One line: processor, cores, versions, and how busy others kept it during the last minute."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "lightning", "transformers"))
    return f"{model}, {os.cpu_count()} cores, {versions}, load {os.getloadavg()[0]:.1f} at the start"


def with_precision(made: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """--precision, of every contestant. `arguments` puts what it comes to in place of `auto`."""
    words = "auto: bf16 where this CPU multiplies it faster than fp32, else 32"
    made.add_argument("--precision", choices=("auto", "bf16", "32"), default="auto", help=words)
    return made


def parser(doc: str | None, repeats: int) -> argparse.ArgumentParser:
    """What every benchmark takes. `--quick` is for tests: seconds, meaningless numbers, no file unless requested."""
    made = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    made.add_argument("--quick", action="store_true", help="seconds instead of minutes: that it runs, not how fast")
    made.add_argument("--repeats", type=int, default=repeats, help="runs of each contestant")
    made.add_argument("--shared", action="store_true", help="busy machine: the threads of all wait asleep")
    made.add_argument("--results", type=Path, help="folder of the JSON (default benchmarks/results, none with --quick)")
    return made


def arguments(made: argparse.ArgumentParser) -> argparse.Namespace:
    """The parsed command line; one repeat with --quick.

    Torch's threads spin while they wait, which is best where nothing else runs, and ruinous where something does.
    """
    requested = made.parse_intermixed_args()
    if requested.shared:
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    if requested.quick:
        requested.repeats = 1
    if getattr(requested, "precision", None) == "auto":
        requested.precision = "bf16" if cpu_bf16_speed() >= PAYS else "32"
    return requested


def write(name: str, requested: argparse.Namespace, where: str, payload: Mapping[str, Any]) -> None:
    """results/NAME.json; `where` is the line that `machine` gave at the start."""
    folder = requested.results or (None if requested.quick else RESULTS)
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    options = {key: value for key, value in vars(requested).items() if key != "results"}
    text = json.dumps({"machine": where, "options": options, **payload}, indent=2, default=_plain)
    (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def _plain(value: object) -> object:
    return vars(value) if isinstance(value, Spread) else str(value)
