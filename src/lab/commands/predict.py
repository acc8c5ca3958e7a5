"""Label new rows: `python predict.py`, `lab-predict` and `python -m lab predict`.

`--help` says how; `lab.cli.main` has the exit codes.
"""

import logging
import os
import sys
from collections.abc import Callable
from typing import Any

import hydra
from omegaconf import DictConfig

from lab.cli.main import Command, ended
from lab.cli.main import main as run_command
from lab.config.check import check_predict
from lab.config.shipped import CONF
from lab.core import openmp
from lab.core.errors import RequestError, RunError

log = logging.getLogger("predict")


def main() -> int:
    """Run the command line in `sys.argv`; return its exit code."""
    openmp.settle(os.environ)
    return run_command(Command(entry(), CONF, "predict", check_predict))


def entry() -> Callable[..., Any]:
    """The function that Hydra calls with the composed config."""

    def one_prediction(composed: DictConfig) -> None:
        """Write the predictions and say where they are; ends by SystemExit as the report does."""
        from lab.inference.predict import predict, summary

        try:
            request = check_predict(composed)
            outcome = predict(request)
        except (RequestError, RunError) as error:
            raise ended(error, "The prediction failed") from error
        for line in summary(outcome, request):
            log.info("%s", line) if request.output != "-" else sys.stderr.write(f"{line}\n")

    wrapped: Callable[..., Any] = hydra.main(str(CONF), "predict", execution_whitelist=["lab.*"])(one_prediction)
    return wrapped
