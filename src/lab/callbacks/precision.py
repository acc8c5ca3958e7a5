"""Which precision a request becomes on this machine, and what happens when an fp16 step is skipped.

fp16 needs a loss scale; when it overflows, torch's GradScaler skips the optimizer step and lowers the scale. The
scheduler must not advance on such a step. A scale that fell during a step is torch's public sign of a skip
(https://docs.pytorch.org/docs/stable/amp.html); it is also true for fused optimizers, which skip inside their kernel.
"""

import logging
from collections.abc import Callable
from time import perf_counter
from typing import Any, Literal

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.optim import Optimizer

from lab.core.errors import Mistake, RequestError

log = logging.getLogger(__name__)

ALLOWED = {"32": "32-true", "32-true": "32-true", "16": "16-mixed", "16-mixed": "16-mixed",
           "bf16": "bf16-mixed", "bf16-mixed": "bf16-mixed", "16-true": "16-true", "bf16-true": "bf16-true",
           "64": "64-true", "64-true": "64-true"}  # fmt: skip
AUTO = "auto"
PAYS = 1.2
"""Least speed of bf16 matrices over fp32 ones for which `auto` chooses bf16: autocast itself costs time."""


def resolve(
    requested: int | str, accelerator: Literal["cpu", "gpu"], bf16_speed: Callable[[], float]
) -> tuple[str, str | None]:
    """Return Lightning's name of the precision, and a line if it differs from the request or is slow.

    bf16_speed: how many times faster bf16 matrices are multiplied than fp32 ones; called only if it matters.
    Raises RequestError for any other precision.
    """
    if requested == AUTO:
        return _automatic(accelerator, bf16_speed())
    effective = ALLOWED.get(str(requested))
    if effective is None:
        problem = "is no precision here; allowed are auto, 32, 16, bf16, 16-true, bf16-true and 64"
        raise RequestError(Mistake("trainer.precision", problem, "trainer.precision=32", requested))
    if accelerator == "gpu" or effective in ("32-true", "64-true"):
        return effective, None
    on_cpu = {"16-mixed": "bf16-mixed", "16-true": "bf16-true"}.get(effective, effective)
    notes = [f"precision {requested} runs as {on_cpu} on a CPU"] if on_cpu != effective else []
    speed = bf16_speed()
    if speed < 1:
        notes.append(f"this CPU multiplies bf16 at {speed:.2f} x the speed of fp32: trainer.precision=32 is faster")
    return on_cpu, "; ".join(notes) or None


def _automatic(accelerator: str, speed: float) -> tuple[str, str]:
    if accelerator == "gpu":
        chosen = "bf16-mixed" if speed > 1 else "16-mixed"
        return chosen, f"precision auto: {chosen} on this GPU"
    chosen = "bf16-mixed" if speed >= PAYS else "32-true"
    return chosen, f"precision auto: {chosen}, since this CPU multiplies bf16 at {speed:.2f} x the speed of fp32"


def gpu_bf16_speed() -> float:
    """2 if the GPU has bf16 instructions, else 0: older GPUs emulate bf16 and are made for fp16."""
    return 2.0 if torch.cuda.is_bf16_supported(including_emulation=False) else 0.0


def cpu_bf16_speed() -> float:
    """Speed of bf16 matrix products over fp32 ones on this CPU; measured once for each number of threads."""
    threads = torch.get_num_threads()
    if threads not in _MEASURED:
        _MEASURED[threads] = measured()
    return _MEASURED[threads]


_MEASURED: dict[int, float] = {}


def measured(seconds: float = 0.2) -> float:
    """Measure that speed in about `seconds`, or in three products of each kind if these take longer.

    A capability flag is not enough: some Xeons list AVX-512 BF16 and multiply it at half the speed of fp32, others at
    twice. Both kinds alternate and the fastest product of each counts, so that other load has little effect.
    """
    drawn = torch.randn(
        512, 512, generator=torch.Generator().manual_seed(0)
    )  # not the global generator, which draws the weights
    matrices = [drawn.to(dtype) for dtype in (torch.float32, torch.bfloat16)]
    taken: list[list[float]] = [[], []]
    began = perf_counter()
    while len(taken[0]) < 3 or perf_counter() - began < seconds:  # the first product of each kind is not counted
        for matrix, own in zip(matrices, taken, strict=True):
            started = perf_counter()
            torch.mm(matrix, matrix)
            own.append(perf_counter() - started)
    full, half = (min(own[1:]) for own in taken)
    return full / half


class SkippedSteps(Callback):
    """Counts optimizer steps that a GradScaler skipped and keeps the scheduler from advancing on them.

    During a fit it wraps the module's `lr_scheduler_step`, which Lightning calls right after each optimizer step, so
    that modules need no code for it. Without a scaler (fp32, bf16) nothing is wrapped. `count` survives a resume and
    is logged as `train/skipped_steps` if there is a scaler.
    """

    def __init__(self) -> None:
        self.count = 0
        self._scale_before = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if _scaler(trainer) is None:
            return
        step = pl_module.lr_scheduler_step

        def step_unless_skipped(scheduler: Any, metric: Any | None) -> None:
            if _scale(trainer) < self._scale_before:
                self.count += 1
                log.info("optimizer step %d skipped: fp16 gradients overflowed", trainer.global_step)
            else:
                step(scheduler, metric)

        pl_module.lr_scheduler_step = step_unless_skipped  # type: ignore[method-assign]

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        # On a GPU this waits for the device, as the scaler does next in any case.
        if _scaler(trainer) is not None:
            self._scale_before = _scale(trainer)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.state.fn == "fit" and not trainer.sanity_checking and _scaler(trainer) is not None:
            pl_module.log("train/skipped_steps", float(self.count))

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        vars(pl_module).pop("lr_scheduler_step", None)

    def state_dict(self) -> dict[str, Any]:
        return {"count": self.count}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.count = state_dict["count"]


def _scaler(trainer: Trainer) -> torch.amp.GradScaler | None:
    return getattr(trainer.precision_plugin, "scaler", None)


def _scale(trainer: Trainer) -> float:
    scaler = _scaler(trainer)
    return 1.0 if scaler is None else scaler.get_scale()
