"""Operations and host waits of one training step, and the time to make its batch: texts, questions and series.

    python -m benchmarks.speed.step_operations [--repeats 20] [--quick]

A step is the forward pass with its training scores, the backward pass and gradient clipping, without the Trainer and
without the optimizer, whose fused kernel for CPUs reads its own counter for each weight. torch.profiler counts `aten`
operations, and values that the host reads (`aten::_local_scalar_dense`): on a GPU each of these waits until the device
has computed everything before it. "whole" batches have no padding and no gaps. Step and batch ms are medians of CPU
time, which other processes disturb less than wall time.
"""

import logging
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from hydra import compose, initialize_config_dir
from torch.profiler import ProfilerActivity, profile

from benchmarks.harness import measuring
from lab.config.check import check
from lab.core.record.run_folder import RunFolder
from lab.data.batch_sampler import Draw
from lab.training.build.trainer import Hardware
from lab.training.tasks.select import prepare

TEXTS = ["data=maintenance", "data.num_rows=400", "model=tiny"]
QUESTIONS = ["data=qa_demo", "data.num_contexts=60", "model=tiny"]
SERIES = ["data=rainfall", "data.stations=2", "data.hours=1000", "data.window=96", "data.batch_size=16"]
SMALL = ["model.width=32", "model.num_heads=4", "model.num_layers=2", "model.ffn_width=64"]
PATCHTST, TIMER_XL = ([*SERIES, f"model={name}", *SMALL] for name in ("patchtst", "timer_xl"))
CASES = {
    "texts, padded": [*TEXTS, "data.batch_size=32"],
    "texts, whole": [*TEXTS, "data.batch_size=32"],
    "questions, padded": [*QUESTIONS, "data.batch_size=16"],
    "questions, whole": [*QUESTIONS, "data.batch_size=16"],
    "patchtst, whole": [*PATCHTST, "data.missing_values=interpolate"],
    "patchtst, gaps": [*PATCHTST, "data.missing_values=mask"],
    "inception_time, whole": [*SERIES, "model=inception_time", "data.missing_values=interpolate"],
    "timer_xl, whole": [*TIMER_XL, "data.missing_values=interpolate"],
    "timer_xl, gaps": [*TIMER_XL, "data.missing_values=mask"],
}


@dataclass(frozen=True)
class Counts:
    """Operations and reads of the host in one step; median CPU time of the step and of making its batch."""

    case: str
    operations: int
    host_waits: int
    step_ms: float
    batch_ms: float


def measured(case: str, folder: Path, repeats: int) -> Counts:
    with initialize_config_dir(str(measuring.ROOT / "conf")):
        config = check(compose("config", [*CASES[case], f"cache.dir={folder / 'cache'}", "trainer.precision=32"]))
    run = RunFolder(folder / case.replace(", ", "-"))
    run.path.mkdir()
    material = prepare(config, run, Hardware("cpu", "32-true", None), fresh=True)
    data, model, trainer = material.data, material.model, pl.Trainer(accelerator="cpu", barebones=True)
    model.trainer = trainer
    rows, lengths = data.rows["train"], data.lengths("train")
    numbers = np.arange(config.data.batch_size) % len(lengths)
    if case.endswith("whole"):
        numbers = np.resize(np.flatnonzero(lengths == np.bincount(lengths).argmax()), config.data.batch_size)
    draw = Draw(numbers, numbers)
    step = training_step(model, rows[draw], config.trainer.gradient_clip_val)
    step()
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        step()
    names = {event.key: event.count for event in profiler.key_averages()}
    operations = sum(count for name, count in names.items() if name.startswith("aten::"))
    waits = names.get("aten::_local_scalar_dense", 0)
    times = [median(milliseconds(work) for _ in range(repeats)) for work in (step, lambda: rows[draw])]
    return Counts(case, operations, waits, *times)


def training_step(model: Any, batch: Any, clip: float | None) -> Callable[[], object]:
    def step() -> None:
        loss = model.training_step(batch, 0)
        loss.backward()
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        model.zero_grad(set_to_none=True)

    return step


def milliseconds(work: Callable[[], object]) -> float:
    started = process_time()
    work()
    return 1000 * (process_time() - started)


def main() -> None:
    parser = measuring.parser(__doc__, repeats=20)
    options, where = measuring.arguments(parser), measuring.machine()
    os.environ["HF_HUB_OFFLINE"] = "1"
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.manual_seed(0)
    with TemporaryDirectory() as folder:
        counts = [measured(case, Path(folder), options.repeats) for case in CASES]
    print(where)
    measuring.table(
        ("step", "operations", "host waits", "step CPU ms", "batch CPU ms"),
        [(c.case, c.operations, c.host_waits, f"{c.step_ms:.1f}", f"{c.batch_ms:.2f}") for c in counts],
    )
    measuring.write("step_operations", options, where, {"steps": [asdict(c) for c in counts]})


if __name__ == "__main__":
    main()
