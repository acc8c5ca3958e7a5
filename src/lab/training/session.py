"""The context of a run: seeds and threads before it, fewer messages of Lightning, and the record of its end.

Every end is recorded: success, Ctrl-C, a wrong request, a failure, and a fault of the machine.
"""

import ctypes
import logging
import os
import platform
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import torch

from lab.cli.command_line import script
from lab.config.schema import Config, TrainerConfig
from lab.core.errors import FailureKind, RequestError, RunError
from lab.core.hydra_quoting import quoted
from lab.core.machine_faults import MachineError, MachineRefusal, machine_error
from lab.core.openmp import SHARED
from lab.core.processes.world import num_devices
from lab.core.record.fields import Status
from lab.core.record.run_folder import RunFolder
from lab.loggers.base import RunLogger
from lab.training.faults.out_of_memory import is_out_of_memory, out_of_memory, part_of
from lab.training.provenance import Clock

log = logging.getLogger(__name__)
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""As malloc.h numbers them."""
AMPERE = (8, 0)
"""The first compute capability of NVIDIA with TF32."""
SUMMARY = "lightning.pytorch.callbacks.model_summary"
EXPECTED_WARNINGS = (
    r"You have overridden `transfer_batch_to_device`",  # of the model, which is what moves a batch here
    ".*does not have many workers.*",  # tokens are memory-mapped: loader processes rarely pay
    ".*in eval mode at the start of training.*",  # frozen layers are
    ".*treespec, LeafSpec.*",  # Lightning's own use of torch
    r"The PyTorch Profiler default schedule will be overridden",  # a short run is profiled whole
    r"The number of training batches .* is smaller than the logging interval",  # short epochs are usual here
    r"It is recommended to use `self.log\(.*sync_dist=True",  # the values that are logged are those of all ranks
)


def settle_machine(config: Config) -> None:
    """Set memory allocation, the number of threads and all global seeds, so that equal runs draw equal numbers."""
    keep_freed_memory()
    if (threads := num_threads(config.trainer)) is not None:
        torch.set_num_threads(threads)
    random.seed(config.seed)
    np.random.seed(config.seed % 2**32)  # noqa: NPY002  libraries use it
    torch.manual_seed(config.seed)
    torch.set_float32_matmul_precision(matmul_precision(config.trainer))


def matmul_precision(config: TrainerConfig) -> str:
    """The precision of float32 matrix products; `auto` is TF32 where the GPU's tensor cores have it."""
    if config.matmul_precision != "auto":
        return config.matmul_precision
    on_gpu = config.accelerator != "cpu" and torch.cuda.is_available() and torch.version.cuda is not None
    return "high" if on_gpu and torch.cuda.get_device_capability() >= AMPERE else "highest"


def keep_freed_memory() -> bool:
    """Let glibc keep freed memory for the next step; return whether it does. Other C libraries are left as they are.

    By default glibc returns each large block (gradients, activations) to the system and requests it again in every
    step, zeroed page by page: 13,000 page faults per step of MiniLM, a fifth of its time. Source: mallopt(3).
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    return all(libc.mallopt(option, value) == 1 for option, value in ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 2**31 - 1)))


def num_threads(config: TrainerConfig) -> int | None:
    """Threads of a rank: as configured, else its share of the cores, or of those of the trial that it trains.

    None: as torch chooses, from OMP_NUM_THREADS if it is set, and for one device.
    """
    ranks, given = num_devices(config.devices) or 1, os.environ.get("OMP_NUM_THREADS", "")
    if config.threads is not None or ranks == 1:
        return config.threads
    if given.isdecimal():
        return max(1, int(given) // ranks) if SHARED in os.environ else None
    return max(1, (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1) // ranks)


@contextmanager
def quiet() -> Iterator[None]:
    """Hide Lightning's messages about itself, and its advice that does not apply here."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.WARNING)
    logging.getLogger(SUMMARY).setLevel(logging.INFO)  # it prints only where the config asks for the table
    with warnings.catch_warnings():
        for message in EXPECTED_WARNINGS:
            warnings.filterwarnings("ignore", message=message)
        try:
            yield
        finally:
            logger.setLevel(level)


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise KeyboardInterrupt for a stop from outside, which Lightning turns into an exit with code 1."""
    try:
        yield
    except SystemExit as stopped:
        raise KeyboardInterrupt from stopped


def fit(trainer: pl.Trainer, model: pl.LightningModule, data: pl.LightningDataModule, last: Path | None) -> None:
    """Train, from the checkpoint `last` if there is one. Raises KeyboardInterrupt for a stop from outside."""
    if trainer.world_size > 1:  # Lightning's handler of SIGTERM would send a message to the other ranks at any moment
        trainer._signal_connector.register_signal_handlers = lambda: None  # type: ignore[method-assign]
    with quiet(), interruptible():
        trainer.fit(model, datamodule=data, ckpt_path=last, weights_only=True)


@contextmanager
def plain_os_errors() -> Iterator[None]:
    """Turn an OSError (a full, lost or read-only disk) into an error of one line, before a record exists."""
    try:
        yield
    except OSError as error:
        raise machine_error(error) or RunError(str(error)) from error


@contextmanager
def machine_faults_named(run: RunFolder) -> Iterator[None]:
    """Raise MachineError for a full disk, a lost folder or a missing GPU, whatever error a library raised for it."""
    try:
        yield
    except Exception as error:
        fault = machine_error(error)
        if fault is None or isinstance(error, MachineError | MachineRefusal):
            raise
        raise MachineError(f"{fault}: {resume_command(run)}" if _has_checkpoint(run) else str(fault)) from error


def _has_checkpoint(run: RunFolder) -> bool:
    try:
        return run.last.exists()
    except OSError:  # its disk is gone
        return False


@contextmanager
def closing(run: RunFolder, clock: Clock, loggers: list[RunLogger], config: Config | None = None) -> Iterator[None]:
    """Record how the block ended, whatever the error, then raise the error again. config: for what to type instead."""

    def close(status: Status, reason: str, failure: FailureKind | None) -> None:
        try:
            run.update(status=status, reason=reason, failure=failure, timing_s=clock.read())
        except OSError as error:
            log.error("the end of the run could not be recorded: %s", error)
        for logger in loggers:
            logger.finish(status, reason)

    try:
        yield
    except KeyboardInterrupt:
        close("interrupted", "stopped from outside (Ctrl-C or SIGTERM)", None)
        if run.last.exists():
            log.info("interrupted; to resume: %s", resume_command(run))
        else:
            log.info("interrupted before the first checkpoint: %s cannot be resumed", run.path)
        raise
    except (MachineError, MachineRefusal) as error:
        close("interrupted", str(error), None)
        raise
    except RequestError as error:
        close("failed", str(error), "error")
        raise
    except RunError as error:
        close("failed", str(error), error.kind)
        raise
    except Exception as error:
        if is_out_of_memory(error):
            resume = resume_command(run) if run.last.exists() else None
            named = out_of_memory(error, part_of(error, has_trained="fit" in clock.parts), config, resume)
            close("failed", str(named), "oom")
            raise named from error
        close("failed", f"{type(error).__name__}: {error}", "error")
        if isinstance(error, OSError):
            remedy = (
                f"; earlier checkpoints are complete, to resume: {resume_command(run)}" if run.last.exists() else ""
            )
            raise RunError(f"{error}{remedy}") from error
        raise


def resume_command(run: RunFolder) -> str:
    """The command that resumes a run, with the script as in its last command; it may be in another folder."""
    try:
        record = run.read()
        command = [record, *(record.get("resumed") or [])][-1]["command"] or ""
    except (OSError, ValueError, KeyError):
        command = ""
    return f"{script(command)} {quoted('resume', run.path)}"
