"""The Trainer and its callbacks from a checked config. Every callback is built here, if its settings ask for it."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import ModelSummary, ProgressBar
from lightning.pytorch.loggers import Logger
from lightning.pytorch.profilers import AdvancedProfiler, Profiler, PyTorchProfiler, SimpleProfiler

from lab.callbacks import precision
from lab.callbacks.before_training import BeforeTraining
from lab.callbacks.checkpoint import BestAndLast, DirectCheckpointIO
from lab.callbacks.early_stopping import EarlyStopping
from lab.callbacks.early_termination import EarlyTermination
from lab.callbacks.freeze import Freeze
from lab.callbacks.gradient_accumulation import GradientAccumulation
from lab.callbacks.history import History
from lab.callbacks.learning_curves import LearningCurves
from lab.callbacks.loop.interruption import Interruption
from lab.callbacks.loop.limits import StepLimit, TimeLimit
from lab.callbacks.loop.seeded_batches import SeededBatches
from lab.callbacks.loop.step_metrics import StepMetrics
from lab.callbacks.nan_guard import NanGuard
from lab.callbacks.overfitting import OverfittingMonitor
from lab.callbacks.progress import Progress
from lab.callbacks.resources import Resources
from lab.config.metric_direction import direction
from lab.config.schema import Config, CustomData, Labelled, Objective, Questions, TrainerConfig, Ucr, Windowed
from lab.config.schema import callbacks as schema
from lab.config.targets import make
from lab.config.validation_rows import is_solved
from lab.core.errors import Mistake, RequestError
from lab.core.machine_faults import MachineRefusal
from lab.core.processes.world import World
from lab.core.record.run_folder import RunFolder
from lab.sweep.reporting.process_reporter import connected
from lab.training.build.ddp import SyncedNorms
from lab.training.build.strategy import StartedRanks, lacking_devices, strategy
from lab.training.residual.request import has_base
from lab.training.shared_decision import shared_decision

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Callbacks:
    """The callbacks whose results the run records, and all callbacks in the order in which they are called."""

    best: BestAndLast
    early_stopping: EarlyStopping | None
    overfit: OverfittingMonitor | None
    resources: Resources | None
    terminate: EarlyTermination | None
    limits: list[StepLimit | TimeLimit]
    every: list[pl.Callback]

    @classmethod
    def for_test(cls, folder: RunFolder, goal: Objective, progress: schema.ProgressConfig) -> "Callbacks":
        """Lines of a long test, and the checkpoint callback, which only keeps Lightning from adding its own."""
        best = BestAndLast(folder, goal.metric, goal.mode, None)
        return cls(best, None, None, None, None, [], [Progress(goal.metric, 0, progress.interval_s), best])

    @property
    def end_reason(self) -> str | None:
        """Why a limit ended the run; None where it came to the end of its epochs."""
        return next((limit.reason for limit in self.limits if limit.reason is not None), None)


@dataclass(frozen=True)
class Hardware:
    """Where a run computes: Lightning's accelerator and precision; note: how they differ from the request."""

    accelerator: Literal["cpu", "gpu"]
    precision: str
    note: str | None

    @property
    def device(self) -> torch.device:
        """The torch device of the accelerator."""
        return torch.device("cuda" if self.accelerator == "gpu" else "cpu")

    def autocast(self) -> torch.autocast:
        """The precision of a forward pass in training."""
        half = {"16-mixed": torch.float16, "bf16-mixed": torch.bfloat16}.get(self.precision)
        return torch.autocast(self.device.type, dtype=half, enabled=half is not None)


def hardware(config: TrainerConfig, record: Mapping[str, Any] | None = None, shared: Path | None = None) -> Hardware:
    """The accelerator and the precision that a run uses.

    record: of the run that is resumed or tested again, which keeps the precision that `auto` chose there; shared:
    folder of the multirun, whose jobs use the same precision. Raises RequestError if GPUs are requested that are not
    there.
    """
    has_gpu = torch.cuda.is_available()
    if config.accelerator == "gpu" and not has_gpu:
        raise MachineRefusal(Mistake("trainer.accelerator", "torch sees no GPU", "trainer.accelerator=auto", "gpu"))
    accelerator: Literal["cpu", "gpu"] = "gpu" if has_gpu and config.accelerator != "cpu" else "cpu"
    if mistakes := list(lacking_devices(config, torch.cuda.device_count() if accelerator == "gpu" else 0)):
        raise MachineRefusal(mistakes)
    requested: Any = config.precision
    if requested == precision.AUTO and record is not None:
        used = ((record.get("requested") or {}).get("trainer.precision") or {}).get("used")
        if used not in precision.ALLOWED.values():
            problem = "is auto, and run.json does not say which precision it chose in this run"
            raise RequestError(Mistake("trainer.precision", problem, "a whole run folder", requested))
        requested = used
    speed = precision.gpu_bf16_speed if accelerator == "gpu" else precision.cpu_bf16_speed
    if requested == precision.AUTO and shared is not None:
        name, names = f"precision-{accelerator}", precision.ALLOWED.values()
        effective = shared_decision(
            shared, name, names, lambda: precision.resolve(precision.AUTO, accelerator, speed)[0]
        )
        _, slower = precision.resolve(effective, accelerator, speed)
        same = f"precision auto: {effective}, as in all jobs of {shared} on a {accelerator.upper()}"
        return Hardware(accelerator, effective, f"{same}; {slower}" if slower else same)
    effective, note = precision.resolve(requested, accelerator, speed)
    return Hardware(accelerator, effective, note)


def is_trained_on_val(config: Config) -> bool:
    """Return whether the run trains on its validation rows too."""
    data = config.data
    return isinstance(data, Labelled | Questions | Windowed | Ucr) and data.split.train_on_val


def callbacks(config: Config, folder: RunFolder, reports: bool = True, follows: bool = False) -> Callbacks:
    """The callbacks of a run. reports: whether a sweep hears of its validations and may end it; follows: whether
    another rank reports to the sweep, and this one ends with it.

    Order matters: the bar is cleared before others print, the history is written before it is drawn, and the
    checkpoint, which contains the state of all others, comes last.
    """
    chosen, goal = config.callbacks, config.objective
    stop = chosen.early_stopping
    on_val = is_trained_on_val(config)
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
        nodes = {name: each.node for name, each in config.metrics.extra.items()}
        custom = isinstance(config.data, CustomData)
        mode = stop.mode or (goal.mode if stop.metric is None else direction(stop.metric, nodes, custom))
        assert mode is not None, f"a rule requires callbacks.early_stopping.mode with {stop.metric}"
        early = EarlyStopping(
            stop.metric or goal.metric, stop.patience, mode, stop.min_delta, config.trainer.min_epochs
        )
    custom = isinstance(config.data, CustomData)  # its training means are there only after the epoch's validation
    exact = is_solved(config)  # more features than rows fit them exactly by construction
    gap = None if custom or exact else chosen.overfit.gap
    overfit = OverfittingMonitor(goal.metric, gap, goal.mode) if gap is not None else None
    resources = Resources() if chosen.resources.enabled else None
    reporter = connected() if reports else None
    terminate = EarlyTermination(reporter, goal.metric) if reporter is not None or follows else None
    freeze = chosen.freeze
    limits = _limits(config.trainer)
    bar = (chosen.progress.refresh, chosen.progress.interval_s) if config.trainer.enable_progress_bar else (0, None)
    extra: list[pl.Callback] = [make(f"callbacks.extra.{name}", each.node) for name, each in chosen.extra.items()]
    summary = config.trainer.enable_model_summary and not _has(extra, ModelSummary)
    every = [
        None if _has(extra, ProgressBar) else Progress(goal.metric, *bar, shows_training=not custom),
        ModelSummary() if summary else None,
        interruption,
        Freeze(freeze.embeddings, freeze.layers, chosen.freeze.schedule),
        GradientAccumulation(config.trainer.accumulate_grad_batches, chosen.accumulate.schedule),
        *limits,
        precision.SkippedSteps(),
        StepMetrics(config.trainer.log_every_n_steps),
        NanGuard() if chosen.nan_guard.enabled else None,
        resources,
        early,
        terminate,
        overfit,
        History(folder, logs_training_late=custom),
        BeforeTraining(folder, best, early) if has_base(config) else None,
        SeededBatches(config.seed) if custom else None,
        LearningCurves(folder, goal.metric, chosen.curves.png, chosen.curves.gif)
        if chosen.curves.png or chosen.curves.gif
        else None,
        best,
    ]
    there: list[pl.Callback] = [callback for callback in every if callback is not None]
    return Callbacks(best, early, overfit, resources, terminate, limits, there + extra)


def _has(callbacks: list[pl.Callback], kind: type[pl.Callback]) -> bool:
    return any(isinstance(callback, kind) for callback in callbacks)


def _limits(config: TrainerConfig) -> list[StepLimit | TimeLimit]:
    limits: list[StepLimit | TimeLimit] = []
    if config.max_steps is not None:
        limits.append(StepLimit(config.max_steps))
    if config.max_time is not None:
        limits.append(TimeLimit(config.max_time))
    return limits


def trainer(
    config: Config,
    where: Hardware,
    folder: Path,
    parts: Callbacks,
    loggers: list[Logger],
    num_epochs: int = 1,
    world: World | None = None,
) -> pl.Trainer:
    """Lightning's Trainer on one device, or as one rank of a `world`.

    num_epochs: the run's length in epochs (`lab.training.run_length`). The limits of batches act in the data module
    (in the Trainer for a custom one), those of steps and time in `lab.callbacks.loop.limits`.
    """
    chosen = config.trainer
    limits: dict[str, Any] = {}
    if isinstance(config.data, CustomData):
        names = ("limit_train_batches", "limit_val_batches", "limit_test_batches", "overfit_batches")
        limits = {name: getattr(chosen, name) for name in names}
    return pl.Trainer(
        default_root_dir=folder,
        accelerator=where.accelerator,
        **strategy(chosen, where.accelerator, world),
        precision=where.precision,  # type: ignore[arg-type]  # one of the names that `precision.resolve` gives
        max_epochs=num_epochs,
        min_epochs=chosen.min_epochs,
        min_steps=chosen.min_steps,
        fast_dev_run=chosen.fast_dev_run,
        val_check_interval=chosen.val_check_interval,
        check_val_every_n_epoch=chosen.check_val_every_n_epoch,
        num_sanity_val_steps=_validation_steps_before_training(config),
        log_every_n_steps=chosen.log_every_n_steps,
        gradient_clip_val=chosen.gradient_clip_val,
        gradient_clip_algorithm=chosen.gradient_clip_algorithm,
        deterministic=chosen.deterministic,
        benchmark=chosen.benchmark,
        inference_mode=chosen.inference_mode,
        sync_batchnorm=chosen.sync_batchnorm,
        reload_dataloaders_every_n_epochs=chosen.reload_dataloaders_every_n_epochs,
        detect_anomaly=chosen.detect_anomaly,
        profiler=_profiler(chosen.profiler, folder / "profiler") if world is None or world.rank == 0 else None,
        use_distributed_sampler=False,
        enable_model_summary=False,  # `callbacks` adds it
        callbacks=parts.every,
        logger=loggers or False,
        plugins=[DirectCheckpointIO(), *([] if world is None else _together(world, chosen.sync_batchnorm))],
        **limits,
    )


def _together(world: World, sync_batchnorm: bool) -> list[Any]:
    """Lightning's plugins of one rank of several."""
    return [StartedRanks(world), *([SyncedNorms()] if sync_batchnorm else [])]


def _validation_steps_before_training(config: Config) -> int:
    """Validation batches before the first step: all (-1) for a new run on a simple model, which is validated alone."""
    if not has_base(config):
        return config.trainer.num_sanity_val_steps
    return -1 if config.resume is None else 0


def _profiler(name: str | None, folder: Path) -> Profiler | None:
    """A profiler that writes its table to a file, `fit-simple.txt`."""
    if name is None:
        return None
    kinds: dict[str, type[Profiler]] = {
        "simple": SimpleProfiler, "advanced": AdvancedProfiler, "pytorch": PyTorchProfiler,
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    return kinds[name](dirpath=folder, filename=name)
