"""Around a run: seeds and threads before it, quiet while Lightning speaks of itself, a record of its end after it."""

import ctypes
import logging
import platform
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from lab.cli.command_line import script
from lab.config.schema import Config, TrainerConfig
from lab.core.errors import FailureKind, RequestError, RunError
from lab.core.hydra_quoting import quoted
from lab.core.machine_faults import MachineError, MachineRefusal, machine_error
from lab.core.record.fields import Status
from lab.core.record.run_folder import RunFolder
from lab.loggers.base import RunLogger
from lab.training.batch_size_finder import is_out_of_memory
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
)


def settle_machine(config: Config) -> None:
    """Memory, threads and every global seed: what draws from a global generator (a new weight) draws the same."""
    keep_freed_memory()
    if config.trainer.threads is not None:
        torch.set_num_threads(config.trainer.threads)
    random.seed(config.seed)
    np.random.seed(config.seed % 2**32)  # noqa: NPY002  libraries draw from it
    torch.manual_seed(config.seed)
    torch.set_float32_matmul_precision(matmul_precision(config.trainer))


def matmul_precision(config: TrainerConfig) -> str:
    """The precision of float32 matrix products; `auto` is TF32 where the GPU's tensor cores have it."""
    if config.matmul_precision != "auto":
        return config.matmul_precision
    on_gpu = config.accelerator != "cpu" and torch.cuda.is_available() and torch.version.cuda is not None
    return "high" if on_gpu and torch.cuda.get_device_capability() >= AMPERE else "highest"


def keep_freed_memory() -> bool:
    """Let glibc keep freed memory for the next step; whether it does. Elsewhere nothing is changed.

    By itself it gives each large block (gradients, activations) back to the system and gets it anew, zeroed page by
    page, in every step: 13,000 page faults a step of MiniLM, a fifth of its time. `mallopt(3)` has the names.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    return all(libc.mallopt(option, value) == 1 for option, value in ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 2**31 - 1)))


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
    """A stop from outside leaves as KeyboardInterrupt; Lightning makes an exit with code 1 of it."""
    try:
        yield
    except SystemExit as stopped:
        raise KeyboardInterrupt from stopped


@contextmanager
def plain_os_errors() -> Iterator[None]:
    """A disk that is full, gone or not to be written ends a run in a line, also before there is anything to close."""
    try:
        yield
    except OSError as error:
        raise machine_error(error) or RunError(str(error)) from error


@contextmanager
def machine_faults_named(run: RunFolder) -> Iterator[None]:
    """A full disk, a lost folder or a missing GPU ends a run as MachineError, whichever library met it."""
    try:
        yield
    except Exception as error:
        fault = machine_error(error)
        if fault is None or isinstance(error, MachineError | MachineRefusal):
            raise
        raise MachineError(f"{fault}: {going_on(run)}" if _has_checkpoint(run) else str(fault)) from error


def _has_checkpoint(run: RunFolder) -> bool:
    try:
        return run.last.exists()
    except OSError:  # its disk is gone
        return False


@contextmanager
def closing(run: RunFolder, clock: Clock, loggers: list[RunLogger]) -> Iterator[None]:
    """Whatever ends the run is written down before it goes on its way."""

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
            log.info("interrupted; to go on: %s", going_on(run))
        else:
            log.info("interrupted before the first checkpoint: there is nothing to go on from in %s", run.path)
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
        out_of_memory = is_out_of_memory(error)
        close("failed", f"{type(error).__name__}: {error}", "oom" if out_of_memory else "error")
        if out_of_memory:
            smaller = _smaller("fit" in clock.parts)
            raise RunError(f"out of memory: {error}\n    try: {smaller}", "oom") from error
        if isinstance(error, OSError):
            kept = f"; what was saved before is whole, to go on: {going_on(run)}" if run.last.exists() else ""
            raise RunError(f"{error}{kept}") from error
        raise


def going_on(run: RunFolder) -> str:
    """What to type for a run to go on: the script as it was typed last, which need not be in the working folder."""
    try:
        record = run.read()
        command = [record, *(record.get("resumed") or [])][-1]["command"] or "python train.py"
    except (OSError, ValueError, KeyError):
        command = "python train.py"
    return f"{script(command)} {quoted('resume', run.path)}"


def _smaller(trained: bool) -> str:
    """What needs less memory; trained: whether the first step had been taken, so that the model and the data fit."""
    if trained:
        return "a smaller data.batch_size with more trainer.accumulate_grad_batches"
    return "a smaller model (fewer or narrower layers, model.buckets, model.vocabulary_size), or fewer rows of data"
