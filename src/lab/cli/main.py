"""The frame of every command: check the request, call Hydra's entry, and turn the outcome into an exit code.

Exit codes: 0 done, 2 the request was wrong, 1 it failed while running, 3 predictions are written but some rows have
none, 130 interrupted (Ctrl-C, or the SIGTERM that a cluster sends). Only the command's function imports torch, after
the request has been checked.
"""

import logging
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel

from lab.cli import command_line, ranks, resume, validate_overrides
from lab.cli.arguments import folds, missing_quotes
from lab.cli.command_line import Typed
from lab.cli.recipes import foreign_recipe
from lab.cli.saved_config import obeyed_records
from lab.config import plugins
from lab.config.check import UNCHOSEN, check
from lab.config.schema import Config
from lab.config.shipped import CONF, IS_WHEEL
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
from lab.core.processes.world import World
from lab.core.terminal import display, streams

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Command:
    """One script of the command line."""

    entry: Callable[[], object]
    """The function that `hydra.main` decorates."""
    conf: Path
    config_name: str = "config"
    check: validate_overrides.Check = check
    schema: type[BaseModel] = Config
    """The class of the keys, from which `--help KEY` is made."""
    sweep_mistakes: validate_overrides.Also | None = None
    """Returns the mistakes of a sweep; called if the request is a multirun."""
    resumes: bool = False
    """Whether the script accepts `resume=RUN`, `test=RUN` and recipes."""
    chosen: Callable[[Sequence[str]], list[str]] | None = None
    """Returns the command line with a model in place of `model=auto`; None: the script has no models."""
    join: Callable[[World], int] | None = None
    """Trains with rank 0 in another process of torchrun or SLURM; None: the script trains nothing."""
    arguments: Callable[[Sequence[str]], list[str]] = list
    """Returns the command line to read, from the typed one."""


@dataclass(frozen=True)
class Job:
    """One run, or one job of a multirun."""

    folder: Path
    command: str
    """The line to type again."""
    number: int | None
    """Number in the multirun; None for a single run."""
    sweep_folder: Path | None
    """Folder of the multirun; None for a single run."""


def main(command: Command) -> int:
    """Run one command line; return its exit code."""
    streams.settle()
    signal.signal(signal.SIGTERM, _interrupt)
    logging.raiseExceptions = False  # a line of the log that does not fit on a full disk prints no traceback
    threading.excepthook = _thread_failed
    _register_help()
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises its errors instead of printing them and exiting with 1
    sys.argv = command_line.with_absolute_config_path(missing_quotes.with_quotes(command.arguments(sys.argv)))
    try:
        if page := _help_page(command, command_line.parse(sys.argv)):
            display.Screen().write(f"{page}\n")
            return EXIT_DONE
        sys.argv = folds.with_all_folds(sys.argv) if command.resumes else sys.argv
        if (code := _joined(command)) is not None:
            return code
        with resume.locked(sys.argv) if command.resumes else nullcontext():
            sys.argv = sound(command, sys.argv)
            return _called(command, command_line.parse(sys.argv))
    except RequestError as error:
        return _refused(error.mistakes)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except OSError as error:
        if (fault := machine_error(error)) is None:
            raise
        display.complain(_in_words(fault))
        return EXIT_FAILED


def _joined(command: Command) -> int | None:
    """The exit code of a process that has joined the run of another one; None for a process with a run of its own."""
    if command.join is None:
        return None
    ranks.refuse_multirun(command_line.parse(sys.argv))
    argv = sys.argv
    return ranks.joined(argv, command.conf, command.config_name, lambda: sound(command, argv), command.join)


def run_job(
    composed: DictConfig,
    typed: Typed,
    lacking: Callable[[Config], list[Mistake]],
    carry_out: Callable[[Config, Job], float | None],
) -> float | None:
    """Carry out one run, or one job of a multirun, and return its objective.

    lacking: returns what the machine lacks for a config; carry_out: trains or tests. If a single run fails, the process
    ends with the exit code; a job of a multirun raises, so that the other jobs continue.
    """
    hydra = HydraConfig.get()
    alone = hydra.mode is RunMode.RUN
    overrides = list(typed.overrides if alone else hydra.overrides.task)
    folder = Path(hydra.runtime.output_dir)
    sweep_folder = None if alone else Path(hydra.runtime.cwd) / hydra.sweep.dir
    try:
        mask_files(folder / ".hydra")
        if sweep_folder is not None:
            mask_files(sweep_folder, "multirun.yaml")
        plugins.load(composed.get("plugins") or (), Path(hydra.runtime.cwd))
        config = ranks.with_number(check(composed))
        config = named(config, overrides)
        if mistakes := lacking(config):
            raise RequestError(mistakes)
        line = command_line.command(typed, None if alone else overrides)
        return carry_out(config, Job(folder, line, None if alone else int(hydra.job.num), sweep_folder))
    except (RequestError, RunError, OSError) as error:
        fault = machine_error(error)
        if isinstance(error, OSError) and fault is None:
            raise
        log.error("%s", _in_words(fault or error))
        if alone:
            if isinstance(error, RequestError) and composed.get("resume") is None and composed.get("test") is None:
                discard(folder)
            raise SystemExit(_exit_code(error)) from error
        if fault is not None:
            raise fault from error
        raise


def discard(folder: Path) -> None:
    """Remove the folder of a new run whose request was refused, so that the corrected line may name it again. A folder
    with a checkpoint or a validation stays."""
    if not any((folder / "checkpoints").glob("*")) and not (folder / "history.jsonl").exists():
        shutil.rmtree(folder, ignore_errors=True)


def named(config: Config, overrides: Sequence[str]) -> Config:
    """Return the config with a name for the run: its own, or one made from the overrides."""
    name = config.run_name or command_line.run_name(config.model.name, [masked(word) for word in overrides])
    return config.model_copy(update={"run_name": name})


def _register_help() -> None:
    """What conf/hydra/help takes from the code: the groups, the start of a command line, the place of the defaults.

    Hydra resolves these whenever it composes, so the groups, which read all files of conf/, are there with --help only.
    """
    *interpreter, program = command_line.started_by(sys.argv[0])
    start, conf = " ".join([*interpreter, Path(program).name]), str(CONF) if IS_WHEEL else "conf/"
    OmegaConf.register_resolver("lab.groups", _overview, replace=True)
    OmegaConf.register_resolver("lab.program", lambda: start, replace=True)
    OmegaConf.register_resolver("lab.conf", lambda: conf, replace=True)


def _overview() -> str:
    if not command_line.parse(sys.argv).help:
        return ""
    from lab.config.reference import help_pages

    return help_pages.overview(Config, CONF, _width())


def _help_page(command: Command, typed: Typed) -> str:
    """The pages of the groups, choices and keys that follow `--help`; empty if there are none, so that Hydra shows its
    own. Raises RequestError for an unknown one."""
    words = [word for word in typed.overrides if not word.startswith("hydra")] if typed.help else []
    if not words:
        return ""
    from lab.config.reference import help_pages

    return help_pages.page(words, command.schema, command.conf, command.config_name, _width())


def _width() -> int:
    """Characters of a line of help."""
    return min(shutil.get_terminal_size((100, 24)).columns, 120)


def sound(command: Command, argv: Sequence[str]) -> list[str]:
    """Return the command line for Hydra, of the typed one. Raises RequestError with every mistake in it."""
    typed = command_line.parse(argv)
    if command.resumes:
        if mistakes := [*obeyed_records(typed), *foreign_recipe(typed, command.conf)]:
            raise RequestError(mistakes)
        argv = resume.resumed_argv(argv, command.conf)
        typed = command_line.parse(argv)
    plugins.load(command_line.plugins_of(typed))
    also = command.sweep_mistakes if typed.multirun else None
    if command.chosen is not None and command_line.chooses_model(typed):
        argv = command.chosen(argv)
        typed = command_line.parse(argv)
    mistakes = _mistakes(command, typed, also) if typed.runs else []
    if command.chosen is not None and UNCHOSEN in mistakes:  # an experiment of the user chooses model: auto
        argv = command.chosen(argv)
        mistakes = _mistakes(command, command_line.parse(argv), also)
    if mistakes:
        raise RequestError(mistakes)
    return list(argv)


def _mistakes(command: Command, typed: Typed, also: validate_overrides.Also | None = None) -> list[Mistake]:
    return validate_overrides.mistakes(typed, command.conf, command.config_name, command.check, also)


def _called(command: Command, typed: Typed) -> int:
    try:
        command.entry()
    except (RequestError, RunError) as error:
        return _exit_code(error)
    except (HydraException, OmegaConfBaseException) as error:
        words = " ".join(f"{error} {error.__cause__ or ''}".split())
        return _refused(_mistakes(command, typed) or [Mistake("", words)])
    return EXIT_DONE


def ended(error: RequestError | RunError, failure: str) -> SystemExit:
    """Print an error and return the SystemExit with its exit code. failure: the first words for a RunError."""
    display.complain(_in_words(error, failure))
    return SystemExit(_exit_code(error))


def _in_words(error: Exception, failure: str = "The run failed") -> str:
    if isinstance(error, RequestError):
        return in_a_block(error.mistakes)
    return f"{'This machine cannot continue' if isinstance(error, MachineError) else failure}: {error}"


def _exit_code(error: Exception) -> int:
    return EXIT_REQUEST if isinstance(error, RequestError) else EXIT_FAILED


def _refused(mistakes: Sequence[Mistake]) -> int:
    display.complain(in_a_block(mistakes))
    return EXIT_REQUEST


def _thread_failed(failed: threading.ExceptHookArgs) -> None:
    """Print the traceback of a library's thread, unless a fault of the machine ended it (a logger on a full disk)."""
    if failed.exc_value is None or machine_error(failed.exc_value) is None:
        threading.__excepthook__(failed)


def _interrupt(number: int, _: FrameType | None) -> None:
    """Treat a SIGTERM as Ctrl-C; a second one is ignored, so that the record can be written."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
