"""Which precision a request becomes on this machine, and what happens when an fp16 step is skipped.

fp16 needs a loss scale; when it overflows, torch's GradScaler skips the optimizer step and lowers the scale. The
scheduler must not move on such a step. The scale is compared across each step, which is torch's public sign of a skip
(https://docs.pytorch.org/docs/stable/amp.html) and holds for fused optimizers, which skip inside their kernel, too.
"""

import logging
from typing import Any, Literal

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.optim import Optimizer

from lab.errors import Mistake, RequestError

log = logging.getLogger(__name__)

ALLOWED = {"32": "32-true", "32-true": "32-true", "16": "16-mixed", "16-mixed": "16-mixed",
           "bf16": "bf16-mixed", "bf16-mixed": "bf16-mixed"}  # fmt: skip


def resolve(requested: int | str, accelerator: Literal["cpu", "gpu"], bf16_fast: bool) -> tuple[str, str | None]:
    """Lightning's name of the precision that will run, and one line when that is not plainly what was asked for.

    bf16_fast: whether the CPU has bf16 instructions. Raises RequestError for any other precision.
    """
    effective = ALLOWED.get(str(requested))
    if effective is None:
        problem = "is no precision here; allowed are 32, 16 and bf16 (or 32-true, 16-mixed, bf16-mixed)"
        raise RequestError(Mistake("trainer.precision", problem, "trainer.precision=32", requested))
    if accelerator == "gpu" or effective == "32-true":
        return effective, None
    notes = [f"precision {requested} runs as bf16-mixed on a CPU"] if effective == "16-mixed" else []
    if not bf16_fast:
        notes.append("this CPU has no bf16 instructions, so it will be slower than trainer.precision=32")
    return "bf16-mixed", "; ".join(notes) or None


def cpu_has_bf16() -> bool:
    """Whether this CPU multiplies bf16 matrices in hardware (AVX-512 BF16, AMX or ARM's BF16)."""
    features = torch.cpu.get_capabilities()
    return any(features.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))


class SkippedSteps(Callback):
    """Counts optimizer steps that a GradScaler skipped and holds the scheduler still for them.

    It owns the gate: for the length of a fit it wraps the module's `lr_scheduler_step`, which Lightning calls right
    after each optimizer step. Modules need do nothing. Without a scaler (fp32, bf16) nothing is wrapped. `count`
    survives a resume and is logged as `train/skipped_steps` where there is a scaler.
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
        # On a GPU this waits for the device; the scaler is about to wait for it anyway.
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
