"""Make one folder of a trained model: `python export.py`, `lab-export` and `python -m lab export`.

torch is imported after the request has been checked. `--help` says how; `lab.cli.main` has the exit codes.
"""

import logging
from collections.abc import Callable
from typing import Any

import hydra
from omegaconf import DictConfig

from lab.cli.main import Command, ended
from lab.cli.main import main as run_command
from lab.config.check import check_export
from lab.config.schema.commands.export import ExportRequest
from lab.config.shipped import CONF
from lab.core.errors import RequestError, RunError, refuse_if_any
from lab.export.request import mistakes

log = logging.getLogger("export")


def main() -> int:
    """Run the command line in `sys.argv`; return its exit code."""
    return run_command(Command(entry(), CONF, "export", check_export, ExportRequest))


def entry() -> Callable[..., Any]:
    """The function that Hydra calls with the composed config."""

    def export(composed: DictConfig) -> None:
        """Export, and say what. Ends by SystemExit: Hydra adds lines of its own to other exceptions."""
        try:
            request = check_export(composed)
            refuse_if_any(mistakes(request))
            from lab.export.folder import write_folder

            lines = write_folder(request)
        except (RequestError, RunError) as error:
            raise ended(error, "The export failed") from error
        for line in lines:
            log.info("%s", line)

    wrapped: Callable[..., Any] = hydra.main(str(CONF), "export", execution_whitelist=["lab.*"])(export)
    return wrapped
