"""Give a trained model new rows: `python predict.py`, `lab-predict` and `python -m lab predict`.

torch is imported after the request has been checked. `--help` says how; `lab.cli.main` has the exit codes.
"""

import logging
from collections.abc import Callable
from typing import Any

import hydra
from omegaconf import DictConfig

from lab.cli.main import Command, ended
from lab.cli.main import main as run_command
from lab.config.check import check_predict
from lab.config.schema.predict import PredictRequest
from lab.config.shipped import CONF
from lab.core.errors import EXIT_PARTLY, RequestError, RunError
from lab.core.terminal.display import Screen

log = logging.getLogger("predict")


def main() -> int:
    """Run the command line in `sys.argv`; return its exit code."""
    return run_command(Command(entry(), CONF, "predict", check_predict, PredictRequest))


def entry() -> Callable[..., Any]:
    """The function that Hydra calls with the composed config."""

    def predictions(composed: DictConfig) -> None:
        """Predict, and say where. Ends by SystemExit: Hydra adds lines of its own to other exceptions."""
        from lab.inference.predict import predict

        try:
            done = predict(check_predict(composed))
        except (RequestError, RunError) as error:
            raise ended(error, "The prediction failed") from error
        if (scores := done.scores) is not None:
            Screen(error=composed.output == "-").show(lambda: scores)
        for text in done.lines:
            log.info("%s", text)
        if done.unpredicted:
            raise SystemExit(EXIT_PARTLY)

    wrapped: Callable[..., Any] = hydra.main(str(CONF), "predict", execution_whitelist=["lab.*"])(predictions)
    return wrapped
