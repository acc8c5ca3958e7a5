"""Trains in the process of a notebook or script, whose logging and signal handlers are restored at the end."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from omegaconf import OmegaConf

from lab.api.request import PROGRAM, Request, request_of
from lab.api.run import Run
from lab.cli.command_line import command, parse
from lab.cli.main import Job, named
from lab.cli.ranks import with_number
from lab.cli.run_directory import claimed
from lab.commands.train import carry_out, lacking
from lab.config.schema import Config
from lab.core import openmp
from lab.core.errors import Mistake, RequestError, refuse_if_any
from lab.core.masking import mask_files
from lab.core.terminal.log_lines import log_lines


def train(config: Config | Sequence[str] = (), folder: str | Path | None = None) -> Run:
    """Train in this process, and return the run. `resume=RUN` and `test=RUN` work as on the command line.

    config: of `compose`, changed by `model_copy` or not, or a list of overrides; folder: a new folder, by default
    `outputs/<date>/<time>`. It sets the seeds of Python, numpy and torch. Ctrl-C writes a checkpoint and raises
    KeyboardInterrupt; signal handlers and logging are restored at the end. Raises RequestError for a wrong request,
    RunError for a failure.

    >>> run = train(["model=ngram", "data.num_rows=400", "logger=csv"], "outputs/first")  # doctest: +SKIP
    """
    request = request_of(config)
    if "torch" not in sys.modules:
        openmp.settle(os.environ)
    settled = with_number(request.config)
    refuse_if_any(lacking(settled))
    path = _folder_of(request, folder)
    formats, typed = request.hydra.job_logging.formatters, parse([PROGRAM, *request.config.words])
    file = formats.dated.format if "dated" in formats else None
    with log_lines(formats.bare.format, file, path / "train.log"):
        carry_out(named(settled, typed.overrides), Job(path, command(typed), None, None))
    return Run(path)


def _folder_of(request: Request, folder: str | Path | None) -> Path:
    """Return the folder to work in: a new one with Hydra's files, or that of the run to resume or to test."""
    if (old := request.config.resume or request.config.test) is not None:
        if folder is not None:
            problem = "a run is resumed or tested in its own folder"
            raise RequestError(Mistake("folder", problem, "leave out folder", folder))
        return Path(old)
    path = claimed(Path(folder or request.hydra.run.dir).expanduser(), clock=folder is None, key="folder")
    files = {"config": request.task, "hydra": {"hydra": request.hydra}, "overrides": request.hydra.overrides.task}
    (path / ".hydra").mkdir()
    for name, node in files.items():
        (path / ".hydra" / f"{name}.yaml").write_text(OmegaConf.to_yaml(node), encoding="utf-8")
    mask_files(path / ".hydra")
    return path
