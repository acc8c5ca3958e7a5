"""One job of a multirun inside its own process: Hydra's own single job, with its output in a file of its folder."""

import io
import os
import pickle
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus, run_job
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from lab.core.errors import RunError
from lab.core.machine_faults import machine_error
from lab.sweep.execution.trial_config import composed
from lab.sweep.reporting import process_reporter

OUTPUT = "output.log"
"""What a job prints, in its folder."""


@dataclass(frozen=True)
class Job:
    """overrides: those of the command line and the trial's own; folder: below the sweep's, None for Hydra's own."""

    number: int
    overrides: Sequence[str]
    folder: str | None = None


class Interrupted(RunError):
    """A job was stopped from outside: nothing is wrong with it."""


@dataclass
class HydraWork:
    """What a child does with a `Job`. The fork inherits this, so nothing of it has to be picklable.

    fixed: overrides that every job begins with.
    """

    context: HydraContext
    task: TaskFunction
    config: DictConfig
    fixed: Sequence[str] = ()
    base: DictConfig | None = None

    def prepare(self) -> None:
        """Compose what the jobs have in common, once, in the server that they are forked from."""
        self.base = self.context.config_loader.load_sweep_config(self.config, list(self.fixed))

    def __call__(self, job: Job, connection: Connection) -> JobReturn:
        process_reporter.connect(connection)
        try:
            return _sendable(_with_fault(self._run(job)))
        except KeyboardInterrupt as error:
            return failed(job, Interrupted(f"interrupted {error}".strip()))
        except SystemExit as error:  # it would end whoever asks for the outcome
            return failed(job, RunError(f"it ended by sys.exit({error.code!r})"))
        except Exception as error:  # noqa: BLE001  it is the job's outcome, and travels home
            return failed(job, machine_error(error) or error)

    def _run(self, job: Job) -> JobReturn:
        config = composed(self.context.config_loader, self.config, self.base, self.fixed, job.overrides)
        with open_dict(config):
            config.hydra.job.id = str(job.number)
            config.hydra.job.num = job.number
            config.hydra.sweep.dir = str(self.config.hydra.sweep.dir)
            if job.folder is not None:
                config.hydra.sweep.subdir = job.folder
        HydraConfig.instance().set_config(config)
        _redirect(Path(str(config.hydra.sweep.dir)) / str(config.hydra.sweep.subdir) / OUTPUT)
        return run_job(
            hydra_context=self.context,
            task_function=self.task,
            config=config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )


def failed(job: Job, error: BaseException) -> JobReturn:
    """The return of a job that Hydra could not see to its end."""
    made = JobReturn(overrides=list(job.overrides), status=JobStatus.FAILED)
    made.return_value = error
    return made


def outcome(done: JobReturn) -> object:
    """What a job gave back, or the exception it ended with, which Hydra's own property prints about and raises."""
    with redirect_stderr(io.StringIO()):
        try:
            return done.return_value
        except Exception as error:  # noqa: BLE001  it is the value
            return error


def _with_fault(done: JobReturn) -> JobReturn:
    """`done`, with a fault of the machine named as one: what an error came of does not leave the process with it."""
    error = outcome(done)
    if isinstance(error, BaseException) and (fault := machine_error(error)) is not None:
        done.return_value = fault
    return done


def _sendable(done: JobReturn) -> JobReturn:
    """`done`, or the reason why its value cannot leave the process."""
    try:
        pickle.dumps(done)
    except Exception as error:  # noqa: BLE001  pickling calls whatever the value brings along
        done.status, done.return_value = JobStatus.FAILED, RunError(f"its result cannot be sent: {error}")
    return done


def _redirect(file: Path) -> None:
    """Standard output and error into `file` from here on, below Python too."""
    file.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    sys.stdout, sys.stderr = (
        os.fdopen(1, "w", closefd=False, buffering=1),
        os.fdopen(2, "w", closefd=False, buffering=1),
    )
