"""Train one run, or one per job of a multirun: `python train.py`, `lab-train` and `python -m lab train`.

`--help` says how; `lab.cli.main` has the exit codes.
"""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from lab.cli import ranks
from lab.cli.command_line import Typed, parse
from lab.cli.main import Command, Job, run_job
from lab.cli.main import main as run_command
from lab.cli.optional_packages import missing_loggers
from lab.config import places
from lab.config.check import check
from lab.config.schema import Config
from lab.config.shipped import CONF
from lab.core import openmp
from lab.core.errors import Mistake
from lab.core.processes.world import World
from lab.data.column_proposals import with_columns_of_the_file
from lab.models import requirements
from lab.sweep.reporting.process_reporter import trial_number

TRUSTED = ["lab.*", "hydra.*", "hydra_plugins.*", "optuna.*"]
"""What Hydra may build from a config: our callback, its own launchers and sweepers, and their samplers."""
checked = with_columns_of_the_file(check)
"""The check of a request's config, whose mistakes name columns of the request's file."""


def main() -> int:
    """Run the command line in `sys.argv`; return its exit code."""
    openmp.settle(os.environ)
    one_run = entry(parse(sys.argv))
    own = Command(one_run, CONF, check=checked, sweep_mistakes=_sweep_mistakes, resumes=True, chosen=chosen, join=join)
    return run_command(own)


def entry(typed: Typed) -> Callable[..., Any]:
    """The function that Hydra calls with each composed config; given a config, it runs that one.

    typed: the command line, which each run records. A launcher may carry the function to another machine, so the line
    travels inside it.
    """

    def one_run(composed: DictConfig) -> float | None:
        def work(config: DictConfig) -> float | None:
            return run_job(config, typed, lacking, carry_out)

        if not _may_start_again():
            return work(composed)
        from lab.sweep.execution.launched_job import run_launched  # imports Optuna

        return run_launched(composed, work)

    wrapped: Callable[..., Any] = hydra.main(str(CONF), "config", execution_whitelist=TRUSTED)(one_run)
    return wrapped


def _may_start_again() -> bool:
    """Whether this is a job of a launcher that may start it again, as SLURM's and Ray's may."""
    hydra = HydraConfig.get()
    launcher = hydra.runtime.choices.get("hydra/launcher")
    return hydra.mode is RunMode.MULTIRUN and launcher not in ("process", "basic")


def lacking(config: Config) -> list[Mistake]:
    """Return what this machine lacks for a run: packages, folders, weights."""
    own = ranks.missing, missing_loggers
    checks = (*own, requirements.missing_software, places.missing, requirements.missing_weights)
    return [mistake for missing in checks for mistake in missing(config)]


def carry_out(config: Config, job: Job) -> float | None:
    """Train, or test again with `config.test`, in the folder of the job. Return the best value of the objective."""
    from lab.training.evaluate import retest
    from lab.training.train import train

    if config.test is not None:
        retest(config, job.folder)
        return None
    trial = None
    if job.sweep_folder is not None and job.number is not None:
        trial = {"study": sweep_name(job.sweep_folder), "trial": trial_number(job.number)}
    return train(config, job.folder, job.command, trial, job.sweep_folder)


def join(world: World) -> int:
    """Train with rank 0 of the run that torchrun or SLURM has started this process for; return the exit code."""
    from lab.training.ranks.join import join

    return join(world)


def chosen(argv: Sequence[str]) -> list[str]:
    """The command line with a model in place of `model=auto`."""
    from lab.training.auto import request  # only a choice needs it

    return request.chosen(argv, CONF)


def sweep_name(folder: Path) -> str:
    """The name of a multirun: its folder below `multirun/`."""
    parts = folder.parts
    return "/".join(parts[parts.index("multirun") + 1 :]) if "multirun" in parts[:-1] else folder.name


def _sweep_mistakes(*request: Any) -> list[Mistake]:
    from lab.sweep.definition.load import mistakes  # imports Optuna, which only a sweep that is wrong needs

    return mistakes(*request)
