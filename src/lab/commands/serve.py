"""Serve a trained model over HTTP: `python serve.py`, `lab-serve` and `python -m lab serve`.

Packages, key and port are checked before torch is imported. `--help` says how; `lab.cli.main` has the exit codes.
"""

import logging
from collections.abc import Callable
from typing import Any

import hydra
from omegaconf import DictConfig

from lab.cli.main import Command, ended
from lab.cli.main import main as run_command
from lab.cli.optional_packages import missing_packages, not_installed
from lab.config.check import check_serve
from lab.config.schema.commands.serve import ServeRequest
from lab.config.shipped import CONF
from lab.core.errors import RequestError, RunError, refuse_if_any

log = logging.getLogger("serve")


def main() -> int:
    """Run the command line in `sys.argv`; return its exit code."""
    return run_command(Command(entry(), CONF, "serve", check_serve, ServeRequest))


def entry() -> Callable[..., Any]:
    """The function that Hydra calls with the composed config."""

    def server(composed: DictConfig) -> None:
        """Serve until a signal. Ends by SystemExit: Hydra adds lines of its own to other exceptions."""
        try:
            request = check_serve(composed)
            refuse_if_any(not_installed("", name) for name in missing_packages("serve.py"))
            from lab.serving.listening import api_key, listening

            key = api_key(request)
            with listening(request.host, request.port) as listener:
                from lab.serving.server import serve

                serve(request, listener, key)
        except (RequestError, RunError) as error:
            raise ended(error, "The server failed") from error
        log.info("stopped; every request in flight was answered")

    wrapped: Callable[..., Any] = hydra.main(str(CONF), "serve", execution_whitelist=["lab.*"])(server)
    return wrapped
