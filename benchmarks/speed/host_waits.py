"""Host waits in each training step of a whole run: Lightning's loop, callbacks, model and optimizer.

    python -m benchmarks.speed.host_waits [--quick]

A host wait is a place where Python needs a value or a shape that the device is still to compute. On a CPU nothing
waits, so torch.profiler counts the operations that would: reads of a value (`aten::_local_scalar_dense`) and results
whose shape depends on values (`aten::nonzero` and its relatives). On a GPU the calls of CUDA that wait are counted.
`ON_CPU_ONLY` lists reads that a run on a GPU does not have. `step_operations` counts the operations of the model alone.
"""

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.profiler import ProfilerActivity, profile, record_function

from benchmarks.harness import measuring
from benchmarks.speed.step_operations import CASES

NAME = "host_waits.json"
STEP = "lab::step"
ON_CPU = (
    "aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select", "aten::_unique2", "aten::unique_dim",
    "aten::unique_consecutive",
)  # fmt: skip
ON_GPU = ("cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize")
ON_CPU_ONLY = {
    "aten::_fused_adamw_": "the kernel for CPUs reads its own counter for each weight; that for GPUs does not",
    "nan_guard.py": "on a CPU it reads each loss at once; on a GPU one batch later, behind the next forward pass",
    "mask_of": "saves the mask of series without gaps where reading it is free",
}
"""Part of a caller's name: why a GPU has no such wait."""


@dataclass(frozen=True)
class Wait:
    """An operation that waits for the device; callers: names of what called it, from the inside out."""

    name: str
    callers: tuple[str, ...]

    @property
    def is_on_cpu_only(self) -> bool:
        return any(part in caller for caller in self.callers for part in ON_CPU_ONLY)

    @property
    def cause(self) -> str:
        """The part of `ON_CPU_ONLY`, else the innermost function of lab, else the operation itself."""
        known = (part for part in ON_CPU_ONLY if any(part in caller for caller in self.callers))
        own = (caller for caller in self.callers if "lab/" in caller)
        return next(known, None) or next(own, self.name)


@dataclass(frozen=True)
class Steps:
    """Waits of some training steps. causes: waits per step by their cause."""

    num_steps: int
    waits_per_step: float
    on_cpu_only_per_step: float
    causes: dict[str, float]


def summary(waits: Sequence[Wait], num_steps: int) -> Steps:
    """Waits per step, without and with those that only a CPU has."""
    everywhere = [wait for wait in waits if not wait.is_on_cpu_only]
    causes = Counter(wait.cause for wait in waits)
    return Steps(
        num_steps,
        len(everywhere) / num_steps,
        (len(waits) - len(everywhere)) / num_steps,
        {cause: number / num_steps for cause, number in causes.items()},
    )


def waits_in(events: Iterable[Any], names: Sequence[str]) -> tuple[list[Wait], int]:
    """The events with one of `names` inside the marked steps, and the number of steps.

    events: of torch.profiler (name, cpu_parent, time_range). Calls of CUDA have no parent, so time decides.
    """
    listed = list(events)
    spans = [(each.time_range.start, each.time_range.end) for each in listed if each.name == STEP]
    waits = []
    for event in listed:
        begun = event.time_range.start
        if event.name in names and any(start <= begun <= end for start, end in spans):
            waits.append(Wait(event.name, tuple(_callers(event))))
    return waits, len(spans)


def _callers(event: Any) -> Iterable[str]:
    while (event := event.cpu_parent) is not None:
        yield event.name


class ProfiledSteps(Callback):
    """Profiles steps of the first epoch and writes `host_waits.json` into the run folder.

    first: batches before the profiler starts, so that nothing of the start is counted; number: of batches.
    """

    def __init__(self, first: int = 4, number: int = 5) -> None:
        self.first, self.number = first, number
        self._profiler: profile | None = None
        self._mark: Any = None

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        if trainer.current_epoch:
            return
        if batch_idx == self.first:
            gpu = [ProfilerActivity.CUDA] if pl_module.device.type == "cuda" else []
            self._profiler = profile(activities=[ProfilerActivity.CPU, *gpu], with_stack=True)
            self._profiler.start()
        if self._profiler is not None:
            self._mark = record_function(STEP)
            self._mark.__enter__()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._profiler is None:
            return
        self._mark.__exit__(None, None, None)
        if batch_idx + 1 == self.first + self.number:
            profiler, self._profiler = self._profiler, None
            profiler.stop()
            names = ON_GPU if pl_module.device.type == "cuda" else ON_CPU
            counted = summary(*waits_in(profiler.events() or (), names))
            path = Path(trainer.default_root_dir) / NAME
            path.write_text(json.dumps(asdict(counted)), encoding="utf-8")


def measured(overrides: Sequence[str], folder: Path) -> Steps:
    """Train one epoch with the profiler in `folder`. A batch has 8 rows, so that there are enough steps."""
    import lab

    alone = ["logger=csv", "baselines.enabled=false", "callbacks.curves.png=false", "trainer.max_epochs=1"]
    probe = [f"plugins=[{ProfiledSteps.__module__}]",
             f"+callbacks.extra.probe._target_={ProfiledSteps.__module__}.ProfiledSteps"]  # fmt: skip
    others = [each for each in overrides if not each.startswith("data.batch_size")]
    lab.train([*others, *alone, *probe, "data.batch_size=8", f"cache.dir={folder / 'cache'}"], folder / "run")
    return Steps(**json.loads((folder / "run" / NAME).read_text(encoding="utf-8")))


def main() -> None:
    options, where = measuring.arguments(measuring.parser(__doc__, repeats=1)), measuring.machine()
    os.environ["HF_HUB_OFFLINE"] = "1"
    cases = [case for case in CASES if not case.startswith(("texts, whole", "questions, whole"))]
    results: dict[str, Steps] = {}
    for case in cases:
        with TemporaryDirectory() as folder:
            results[case] = measured([*CASES[case], "trainer.precision=32"], Path(folder))
    device = "a GPU" if torch.cuda.is_available() else "a CPU"
    print(f"{where}; on {device}")
    rows = [
        (case, f"{each.waits_per_step:g}", f"{each.on_cpu_only_per_step:g}", ", ".join(each.causes))
        for case, each in results.items()
    ]
    measuring.table(("run", "host waits per step", "reads that only a CPU has", "of"), rows)
    steps = {case: asdict(each) for case, each in results.items()}
    measuring.write("host_waits", options, where, {"device": device, "steps": steps})


if __name__ == "__main__":
    main()
