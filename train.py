"""Train one run, or one per job of a multirun: compose, check, call, exit code. `python train.py --help` says how.

Exit codes: 0 done, 2 the request was wrong, 1 it failed while running, 130 interrupted (Ctrl-C, or the SIGTERM that a
cluster sends). torch is imported only once the request is known to be sound.
"""

import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from lab.cli import command_line, missing_quotes, resume, validate_overrides
from lab.cli.recipes import foreign_recipe
from lab.cli.saved_config import obeyed_records
from lab.config import places
from lab.config.check import check
from lab.core import openmp
from lab.core.errors import (
    EXIT_DONE,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_REQUEST,
    Mistake,
    RequestError,
    RunError,
    in_a_block,
)
from lab.core.machine_faults import MachineError, machine_error
from lab.core.masking import mask_files, masked
from lab.core.terminal import display, streams
from lab.loggers.packages import missing
from lab.models import packages, weight_checks
from lab.sweep.reporting.process_reporter import trial_number

openmp.settle(os.environ)
CONF = Path(__file__).resolve().parent / "conf"
TYPED = command_line.parse(sys.argv)
TRUSTED = ["lab.*", "hydra.*", "hydra_plugins.*", "optuna.*"]
"""What Hydra may build from a config: our callback, its own launchers and sweepers, and their samplers."""

log = logging.getLogger("train")


@hydra.main(config_path="conf", config_name="config", execution_whitelist=TRUSTED)
def one_run(composed: DictConfig) -> float | None:
    """One run, or one job of a multirun, whose other jobs go on when this one cannot."""
    job = HydraConfig.get()
    alone = job.mode is RunMode.RUN
    overrides = list(TYPED.overrides if alone else job.overrides.task)
    folder = Path(job.runtime.output_dir)
    try:
        mask_files(folder / ".hydra")
        if not alone:
            mask_files(Path(job.runtime.cwd) / job.sweep.dir, "multirun.yaml")
        config = check(composed)
        name = config.run_name or command_line.run_name(config.model.name, [masked(word) for word in overrides])
        config = config.model_copy(update={"run_name": name})
        looks = (missing, packages.missing, places.missing, weight_checks.missing)
        lacking = [mistake for look in looks for mistake in look(config)]
        if lacking:
            raise RequestError(lacking)
        from lab.training.evaluate import retest
        from lab.training.train import train

        if config.test is not None:
            retest(config, folder)
            return None
        shared = None if alone else Path(job.runtime.cwd) / job.sweep.dir
        place = None if shared is None else {"study": sweep_name(shared), "trial": trial_number(int(job.job.num))}
        return train(config, folder, command_line.command(TYPED, None if alone else overrides), place, shared)
    except (RequestError, RunError, OSError) as error:
        fault = machine_error(error)
        if isinstance(error, OSError) and fault is None:
            raise
        log.error("%s", in_a_block(error.mistakes) if isinstance(error, RequestError) else _in_a_line(fault or error))
        if alone:
            raise SystemExit(_code(error)) from error
        if fault is not None:
            raise fault from error
        raise


def sweep_name(folder: Path) -> str:
    """What a multirun is called: its folder below `multirun/`."""
    parts = folder.parts
    return "/".join(parts[parts.index("multirun") + 1 :]) if "multirun" in parts[:-1] else folder.name


def main() -> int:
    """The exit code of one command line."""
    streams.settle()
    signal.signal(signal.SIGTERM, _interrupt)
    logging.raiseExceptions = False  # a line that a full disk does not take is no traceback
    threading.excepthook = _thread_failed
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises its errors instead of printing them and exiting with 1
    sys.argv = missing_quotes.with_quotes(sys.argv)
    try:
        with resume.locked(sys.argv):
            return _obeyed()
    except RequestError as error:
        return _refused(error.mistakes)
    except OSError as error:
        if (fault := machine_error(error)) is None:
            raise
        display.complain(_in_a_line(fault))
        return EXIT_FAILED


def _obeyed() -> int:
    try:
        typed = command_line.parse(sys.argv)
        if found := [*obeyed_records(typed), *foreign_recipe(typed, CONF)]:
            raise RequestError(found)
        sys.argv = resume.resumed_argv(sys.argv, CONF)
        rewritten = command_line.parse(sys.argv)
        also = _sweep_mistakes if rewritten.multirun else None
        mistakes = validate_overrides.mistakes(rewritten, CONF, also=also) if rewritten.runs else []
        if mistakes:
            raise RequestError(mistakes)
    except RequestError as error:
        return _refused(error.mistakes)
    try:
        one_run()
    except (RequestError, RunError) as error:
        return _code(error)
    except (HydraException, OmegaConfBaseException) as error:
        found = validate_overrides.mistakes(rewritten, CONF)
        return _refused(found or [Mistake("", " ".join(f"{error} {error.__cause__ or ''}".split()))])
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return EXIT_DONE


def _sweep_mistakes(*asked: Any) -> list[Mistake]:
    from lab.sweep.definition.load import mistakes  # Optuna with it, only where a sweep is wrong

    return mistakes(*asked)


def _in_a_line(error: Exception) -> str:
    return f"{'This machine cannot go on' if isinstance(error, MachineError) else 'The run failed'}: {error}"


def _code(error: Exception) -> int:
    return EXIT_REQUEST if isinstance(error, RequestError) else EXIT_FAILED


def _refused(mistakes: Sequence[Mistake]) -> int:
    display.complain(in_a_block(mistakes))
    return EXIT_REQUEST


def _thread_failed(failed: threading.ExceptHookArgs) -> None:
    """A library's own thread that meets a fault of the machine (a logger on a full disk) costs no traceback."""
    if failed.exc_value is None or machine_error(failed.exc_value) is None:
        threading.__excepthook__(failed)


def _interrupt(number: int, _: FrameType | None) -> None:
    """A cluster's stop leaves as Ctrl-C does; a second one does not disturb the writing of the record."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
