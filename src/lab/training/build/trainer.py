"""The Trainer and its callbacks from a checked config. Every callback is built here; what is not asked for is not."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import Logger

from lab.callbacks import precision
from lab.callbacks.checkpoint import BestAndLast, DirectCheckpointIO
from lab.callbacks.early_stopping import EarlyStopping
from lab.callbacks.early_termination import EarlyTermination
from lab.callbacks.freeze import Freeze
from lab.callbacks.gradient_accumulation import GradientAccumulation
from lab.callbacks.history import History
from lab.callbacks.interruption import Interruption
from lab.callbacks.learning_curves import LearningCurves
from lab.callbacks.nan_guard import NanGuard
from lab.callbacks.overfitting import OverfittingMonitor
from lab.callbacks.progress import Progress
from lab.callbacks.resources import Resources
from lab.config.schema import Config, Labelled, Objective, Questions, TrainerConfig, Ucr, Windowed
from lab.config.schema import callbacks as schema
from lab.core.errors import Mistake, RequestError
from lab.core.machine_faults import MachineRefusal
from lab.core.record.run_folder import RunFolder
from lab.sweep.reporting.process_reporter import connected
from lab.training.agreed import agreed

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Callbacks:
    """The callbacks that the run asks something of afterwards, and all of them in the order they are called."""

    best: BestAndLast
    early_stopping: EarlyStopping | None
    overfit: OverfittingMonitor | None
    resources: Resources | None
    terminate: EarlyTermination | None
    every: list[pl.Callback]

    @classmethod
    def for_test(cls, folder: RunFolder, goal: Objective, progress: schema.ProgressConfig) -> "Callbacks":
        """Lines of a long test, and the checkpoint callback, which only keeps Lightning from adding its own."""
        best = BestAndLast(folder, goal.metric, goal.mode, None)
        return cls(best, None, None, None, None, [Progress(goal.metric, 0, progress.interval_s), best])


@dataclass(frozen=True)
class Hardware:
    """Where a run computes: Lightning's accelerator and precision, and what was asked for when that differs."""

    accelerator: Literal["cpu", "gpu"]
    precision: str
    note: str | None

    @property
    def device(self) -> torch.device:
        return torch.device("cuda" if self.accelerator == "gpu" else "cpu")

    def autocast(self) -> torch.autocast:
        """The precision of a forward pass in training."""
        half = {"16-mixed": torch.float16, "bf16-mixed": torch.bfloat16}.get(self.precision)
        return torch.autocast(self.device.type, dtype=half, enabled=half is not None)


def hardware(config: TrainerConfig, record: Mapping[str, Any] | None = None, shared: Path | None = None) -> Hardware:
    """record: of the run that goes on or is tested again, which stays with what `precision=auto` came to there.

    shared: folder of the multirun, whose jobs agree on it. Raises RequestError when a GPU is asked for and there is
    none.
    """
    has_gpu = torch.cuda.is_available()
    if config.accelerator == "gpu" and not has_gpu:
        raise MachineRefusal(Mistake("trainer.accelerator", "torch sees no GPU", "trainer.accelerator=auto", "gpu"))
    accelerator: Literal["cpu", "gpu"] = "gpu" if has_gpu and config.accelerator != "cpu" else "cpu"
    asked: Any = config.precision
    if asked == precision.AUTO and record is not None:
        used = ((record.get("requested") or {}).get("trainer.precision") or {}).get("used")
        if used not in precision.ALLOWED.values():
            problem = "is auto, and run.json does not say what it came to in this run"
            raise RequestError(Mistake("trainer.precision", problem, "a whole run folder", asked))
        asked = used
    speed = precision.gpu_bf16_speed if accelerator == "gpu" else precision.cpu_bf16_speed
    if asked == precision.AUTO and shared is not None:
        name, names = f"precision-{accelerator}", precision.ALLOWED.values()
        effective = agreed(shared, name, names, lambda: precision.resolve(precision.AUTO, accelerator, speed)[0])
        _, slower = precision.resolve(effective, accelerator, speed)
        told = f"precision auto: {effective}, as in all jobs of {shared} on a {accelerator.upper()}"
        return Hardware(accelerator, effective, f"{told}; {slower}" if slower else told)
    effective, note = precision.resolve(asked, accelerator, speed)
    return Hardware(accelerator, effective, note)


def pinned(config: Config, where: Hardware) -> bool:
    """Whether batches are copied to page-locked memory."""
    asked = config.data.pin_memory
    return where.accelerator == "gpu" if asked == "auto" else asked


def callbacks(config: Config, folder: RunFolder) -> Callbacks:
    """Order matters: the bar is wiped before others speak, the history is written before it is drawn."""
    chosen, goal = config.callbacks, config.objective
    stop = chosen.early_stopping
    on_val = isinstance(config.data, Labelled | Questions | Windowed | Ucr) and config.data.split.train_on_val
    interruption = Interruption()
    best = BestAndLast(
        folder,
        goal.metric,
        goal.mode,
        chosen.checkpoint.every_n_steps,
        on_val,
        chosen.checkpoint.every_minutes,
        interruption,
    )
    early = None
    if stop.patience is not None:
        mode = stop.mode or (goal.mode if stop.metric is None else None)
        early = EarlyStopping(
            stop.metric or goal.metric, stop.patience, mode, stop.min_delta, config.trainer.min_epochs
        )
    overfit = OverfittingMonitor(goal.metric, chosen.overfit.gap, goal.mode) if chosen.overfit.gap is not None else None
    resources = Resources() if chosen.resources.enabled else None
    reporter = connected()
    terminate = EarlyTermination(reporter, goal.metric) if reporter is not None else None
    freeze = chosen.freeze
    every = [
        Progress(goal.metric, chosen.progress.refresh, chosen.progress.interval_s),
        interruption,
        Freeze(freeze.embeddings, freeze.layers, chosen.freeze.schedule),
        GradientAccumulation(config.trainer.accumulate_grad_batches, chosen.accumulate.schedule),
        precision.SkippedSteps(),
        NanGuard() if chosen.nan_guard.enabled else None,
        resources,
        early,
        terminate,
        overfit,
        History(folder),
        LearningCurves(folder, goal.metric, chosen.curves.png, chosen.curves.gif)
        if chosen.curves.png or chosen.curves.gif
        else None,
        best,
    ]
    there: list[pl.Callback] = [callback for callback in every if callback is not None]
    return Callbacks(best, early, overfit, resources, terminate, there)


def trainer(config: Config, where: Hardware, folder: Path, parts: Callbacks, loggers: list[Logger]) -> pl.Trainer:
    """Lightning's Trainer on one device. Validation runs once an epoch, the sanity check is left out."""
    chosen = config.trainer
    return pl.Trainer(
        default_root_dir=folder,
        accelerator=where.accelerator,
        devices=1,
        precision=where.precision,  # type: ignore[arg-type]  # one of the names that `precision.resolve` gives
        max_epochs=chosen.max_epochs,
        min_epochs=chosen.min_epochs,
        gradient_clip_val=chosen.gradient_clip_val,
        log_every_n_steps=1,  # nothing is logged per step; Lightning warns where its 50 exceed an epoch
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        enable_model_summary=False,
        callbacks=parts.every,
        logger=loggers or False,
        plugins=[DirectCheckpointIO()],
    )
