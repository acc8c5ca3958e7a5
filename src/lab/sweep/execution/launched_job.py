"""A job of a multirun that another launcher started, perhaps not for the first time.

SLURM starts a job again after a preemption, a time limit or the loss of a node, and Ray after the loss of a worker, by
the same command line. A job that finds the checkpoint of its earlier start resumes from it. In jobs of submitit,
signals end a run at its next checkpoint: after SIGUSR1 or SIGUSR2, which announce a preemption or the time limit,
submitit returns the job to the queue of SLURM; after SIGTERM, which `scancel` sends too, the study starts the trial
again with its next batch.
"""

import math
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from lab.cli.resume import sole_process
from lab.core.errors import RunError
from lab.core.processes.announcements import ANNOUNCEMENTS
from lab.core.record.run_folder import RunFolder, StudyFolder
from lab.sweep.execution.job import Interrupted
from lab.sweep.execution.recovery import recorded_outcome
from lab.sweep.reporting.process_reporter import has_other_attempt

CUT = ".cut"
"""Folder of a multirun for what a job left that was interrupted before its first checkpoint."""


def run_launched(composed: DictConfig, work: Callable[[DictConfig], float | None]) -> float | None:
    """Carry out a job, or what remains of it, and return its value.

    composed: its config; work: carries out a config. A job that SLURM will start again ends its process. Raises
    Interrupted for a job that the study starts again, and RunError for one that failed in an earlier start.
    """
    hydra = HydraConfig.get()
    if not str(hydra.runtime.choices.get("hydra/launcher")).startswith("submitit"):
        return _continued(composed, work, hydra)
    with announced() as requeue:
        try:
            return _continued(composed, work, hydra)
        except KeyboardInterrupt as error:
            reason = f"interrupted {error}".strip()
            if (refused := requeue()) is not None:
                reason = f"{reason}: {refused}"
            raise Interrupted(reason) from error


def _continued(composed: DictConfig, work: Callable[[DictConfig], float | None], hydra: Any) -> float | None:
    if has_other_attempt():
        raise Interrupted("the study has started this trial again in another job")
    run = RunFolder(Path(hydra.runtime.output_dir))
    with sole_process(run, "resume", waits=True):
        if (ended := recorded_outcome(run)) is not None:
            if ended.status == "failed":
                raise RunError(ended.reason, ended.failure or "error")
            value = run.read()["objective"]["value"]
            return math.nan if value is None else float(value)
        if composed.resume is None and run.last.exists():
            composed.resume = str(run.path)
        elif composed.resume is None and (run.path / "run.json").exists():
            _set_aside(run, StudyFolder(Path(hydra.runtime.cwd) / hydra.sweep.dir))
        return work(composed)


def _set_aside(run: RunFolder, folder: StudyFolder) -> None:
    """Move what an earlier start left without a checkpoint; the log, which this start writes too, stays."""
    flat = run.path.name
    (folder.path / CUT).mkdir(exist_ok=True)
    times = sum(1 for _ in (folder.path / CUT).glob(f"{flat}-*"))
    target = folder.path / CUT / f"{flat}-{times + 1}"
    target.mkdir()
    for path in list(run.path.iterdir()):
        if path != run.lock and path.suffix != ".log" and path.name != ".hydra":
            path.rename(target / path.name)


@contextmanager
def announced() -> Iterator[Callable[[], str | None]]:
    """Let the signals of a scheduler end the block by KeyboardInterrupt.

    Yields a function that returns the job to the scheduler's queue and ends this process, if its end was announced;
    else it returns None, or why the scheduler does not start the job again. In a fit,
    `lab.callbacks.loop.interruption` answers SIGTERM, so an announcement is passed on as one.
    """
    process, arrived, is_stopping = os.getpid(), list[int](), list[bool]()

    def stop(number: int, _: FrameType | None) -> None:
        if os.getpid() != process:  # the process of a data loader
            os._exit(128 + number)
        if not is_stopping:  # a second one is ignored, so that the record can be written
            is_stopping.append(True)
            raise KeyboardInterrupt

    def announce(number: int, _: FrameType | None) -> None:
        if os.getpid() == process:
            arrived.append(number)
            signal.raise_signal(signal.SIGTERM)

    handlers = {signal.SIGTERM: stop, **dict.fromkeys(ANNOUNCEMENTS, announce)}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield lambda: _requeue([before[number] for number in ANNOUNCEMENTS]) if arrived else None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _requeue(handlers: list[Any]) -> str | None:
    """Call submitit's own handler, which asks the scheduler to start the job again and ends this process.

    Returns why the job is not started again.
    """
    number, handler = next(((n, h) for n, h in zip(ANNOUNCEMENTS, handlers, strict=True) if callable(h)), (0, None))
    if handler is None:
        return "submitit expects no signal"
    try:
        handler(number, None)
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        return (str(error).splitlines() or [type(error).__name__])[0]
    return "submitit has not ended the job"
