"""One job of a multirun in its own process: Hydra runs it, and its output goes into a file of its folder."""

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
from lab.core.processes.world import forget_starter
from lab.sweep.execution.trial_config import compose_trial
from lab.sweep.reporting import process_reporter

OUTPUT = "output.log"
"""The file in a job's folder that receives what the job prints."""


@dataclass(frozen=True)
class Job:
    """overrides: of the command line and of the trial; folder: relative to the sweep's, None for Hydra's own choice."""

    number: int
    overrides: Sequence[str]
    folder: str | None = None


class Interrupted(RunError):
    """A job was stopped from outside; nothing is wrong with it."""


@dataclass
class HydraWork:
    """Runs a `Job` in a child process. The fork inherits this object, so it need not be picklable.

    fixed: overrides that every job begins with; base: the config composed with them.
    """

    context: HydraContext
    task: TaskFunction
    config: DictConfig
    fixed: Sequence[str] = ()
    base: DictConfig | None = None

    def prepare(self) -> None:
        """Compose the common part of the jobs' configs once, in the server that they are forked from."""
        self.base = self.context.config_loader.load_sweep_config(self.config, list(self.fixed))

    def __call__(self, job: Job, connection: Connection) -> JobReturn:
        process_reporter.connect(connection)
        forget_starter(os.environ)
        try:
            return _sendable(_with_fault(self._run(job)))
        except KeyboardInterrupt as error:
            return failed_return(job, Interrupted(f"interrupted {error}".strip()))
        except SystemExit as error:  # the controller would exit when it reads this result
            return failed_return(job, RunError(f"it ended by sys.exit({error.code!r})"))
        except Exception as error:  # noqa: BLE001  it is the job's result, and is sent to the controller
            return failed_return(job, machine_error(error) or error)

    def _run(self, job: Job) -> JobReturn:
        config = compose_trial(self.context.config_loader, self.config, self.base, self.fixed, job.overrides)
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


def failed_return(job: Job, error: BaseException) -> JobReturn:
    """Return the result of a job that Hydra could not finish."""
    failed = JobReturn(overrides=list(job.overrides), status=JobStatus.FAILED)
    failed.return_value = error
    return failed


def return_value(result: JobReturn) -> object:
    """Return a job's value or the exception that ended it, which Hydra's own property would print and raise."""
    with redirect_stderr(io.StringIO()):
        try:
            return result.return_value
        except Exception as error:  # noqa: BLE001  it is the value
            return error


def _with_fault(result: JobReturn) -> JobReturn:
    """Replace an error that a fault of the machine caused by that fault: pickling loses the cause of an error."""
    error = return_value(result)
    if isinstance(error, BaseException) and (fault := machine_error(error)) is not None:
        result.return_value = fault
    return result


def _sendable(result: JobReturn) -> JobReturn:
    """Replace a value that cannot be pickled by an error with the reason."""
    try:
        pickle.dumps(result)
    except Exception as error:  # noqa: BLE001  pickling runs code of the value's class
        result.status, result.return_value = JobStatus.FAILED, RunError(f"its result cannot be sent: {error}")
    return result


def _redirect(file: Path) -> None:
    """Send standard output and error into `file` from here on, also those of libraries below Python."""
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
