"""Everything that only a GPU can show, each check in a process of its own: one JSON and one table.

    python -m benchmarks.gpu [--only NAME ...] [--quick] [--device cpu] [--results FOLDER]

Without a GPU it prints one line and ends with 0. It ends with 1 if a check failed. `--device cpu` runs what a CPU can,
to try the checks themselves.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch

import benchmarks.harness.measuring as measuring
from benchmarks.gpu import memory, numerics, processes, speed
from benchmarks.gpu.outcome import Outcome, Place, device_name, table

CHECKS: dict[str, Callable[[Place], Outcome]] = {
    "precisions": numerics.precisions,
    "loss_scale": numerics.loss_scale,
    "pinned_copies": memory.pinned_copies,
    "compiled": numerics.compiled,
    "four_bits": numerics.four_bits,
    "trials": processes.trials,
    "peak_memory": memory.peak,
    "out_of_memory": memory.out_of_memory,
    "host_waits": speed.waits,
    "against_a_loop": speed.against_a_loop,
    "throughput": speed.throughput,
    "cuda_graphs": speed.graphs,
    "fsdp_groups": processes.fsdp_groups,
}
NO_GPU = "no GPU: nothing was checked (torch.cuda.is_available() is false)"


def main() -> int:
    options = _arguments()
    if options.device == "cuda" and not torch.cuda.is_available():
        print(NO_GPU)
        return 0
    if options.file is not None:
        with tempfile.TemporaryDirectory() as folder:
            outcome = CHECKS[options.only[0]](Place(options.device, Path(folder), options.quick))
        options.file.write_text(json.dumps(asdict(outcome)), encoding="utf-8")
        return 0
    rows = [(name, _apart(name, options)) for name in options.only]
    where = f"{device_name(options.device)}; {measuring.machine()}"
    text = table(rows)
    print(f"{where}\n{text}")
    if (folder := options.results) is not None:
        folder.mkdir(parents=True, exist_ok=True)
        content = {"device": where, "checks": {name: asdict(outcome) for name, outcome in rows}}
        (folder / "gpu.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        (folder / "gpu.md").write_text(f"{where}\n\n{text}\n", encoding="utf-8")
    return int(any(outcome.status == "failed" for _, outcome in rows))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=tuple(CHECKS), default=list(CHECKS), help="checks to run")
    parser.add_argument("--quick", action="store_true", help="few rows")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu: what a CPU can try")
    parser.add_argument("--results", type=Path, help="folder of gpu.json and gpu.md")
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)  # the outcome of the only check of this process
    return parser.parse_args()


def _apart(name: str, options: argparse.Namespace) -> Outcome:
    """The outcome of a check in a process of its own, whose end, whatever it is, ends no other."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "outcome.json"
        command = [sys.executable, "-m", "benchmarks.gpu", "--only", name, "--file", str(file)]
        command += ["--device", options.device, *(["--quick"] if options.quick else [])]
        environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
        done = subprocess.run(command, cwd=measuring.ROOT, capture_output=True, text=True, check=False, env=environment)
        if done.returncode or not file.exists():
            last = (done.stderr.strip().splitlines() or ["no output"])[-1]
            return Outcome("failed", f"ended with {done.returncode}: {last[:200]}", {"stderr": done.stderr[-4000:]})
        return Outcome(**json.loads(file.read_text(encoding="utf-8")))


if __name__ == "__main__":
    sys.exit(main())
