"""Train one run, or one per job of a multirun. `python train.py --help` says how; `lab.cli.main` has the exit codes."""

import os
import sys
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from lab.cli.command_line import parse
from lab.cli.main import Command, Job, main, run_job
from lab.cli.optional_packages import missing_loggers
from lab.config import places
from lab.config.schema import Config
from lab.core import openmp
from lab.core.errors import Mistake
from lab.models import requirements
from lab.sweep.reporting.process_reporter import trial_number

openmp.settle(os.environ)
TYPED = parse(sys.argv)
TRUSTED = ["lab.*", "hydra.*", "hydra_plugins.*", "optuna.*"]
"""What Hydra may build from a config: our callback, its own launchers and sweepers, and their samplers."""


@hydra.main(config_path="conf", config_name="config", execution_whitelist=TRUSTED)
def one_run(composed: DictConfig) -> float | None:
    """One run, or one job of a multirun, whose other jobs continue when this one cannot."""
    return run_job(composed, TYPED, _lacking, _carry_out)


def _lacking(config: Config) -> list[Mistake]:
    checks = (missing_loggers, requirements.missing_software, places.missing, requirements.missing_weights)
    return [mistake for missing in checks for mistake in missing(config)]


def _carry_out(config: Config, job: Job) -> float | None:
    from lab.training.evaluate import retest
    from lab.training.train import train

    if config.test is not None:
        retest(config, job.folder)
        return None
    trial = None
    if job.sweep_folder is not None and job.number is not None:
        trial = {"study": sweep_name(job.sweep_folder), "trial": trial_number(job.number)}
    return train(config, job.folder, job.command, trial, job.sweep_folder)


def sweep_name(folder: Path) -> str:
    """The name of a multirun: its folder below `multirun/`."""
    parts = folder.parts
    return "/".join(parts[parts.index("multirun") + 1 :]) if "multirun" in parts[:-1] else folder.name


def _sweep_mistakes(*request: Any) -> list[Mistake]:
    from lab.sweep.definition.load import mistakes  # imports Optuna, which only a sweep that is wrong needs

    return mistakes(*request)


if __name__ == "__main__":
    conf = Path(__file__).resolve().parent / "conf"
    sys.exit(main(Command(one_run, conf, sweep_mistakes=_sweep_mistakes, resumes=True)))
