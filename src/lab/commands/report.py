"""Compare runs: `python report.py`, `lab-report` and `python -m lab report`. torch is never imported.

`--help` says how; `lab.cli.main` has the exit codes.
"""

import logging
import sys
from collections.abc import Callable
from typing import Any

import hydra
from omegaconf import DictConfig

from lab.cli.command_line import command, parse
from lab.cli.main import Command, ended
from lab.cli.main import main as run_command
from lab.config.check import check_report
from lab.config.schema.report import ReportRequest
from lab.config.shipped import CONF
from lab.core.errors import RequestError, RunError
from lab.report.sources.folders import join_folders

log = logging.getLogger("report")


def main() -> int:
    """Run the command line in `sys.argv`; return its exit code."""
    line = command(parse(sys.argv))
    return run_command(Command(entry(line), CONF, "report", check_report, ReportRequest, arguments=join_folders))


def entry(line: str) -> Callable[..., Any]:
    """The function that Hydra calls with the composed config; line: the command, which the report shows."""

    def one_report(composed: DictConfig) -> None:
        """Build the report and say where it is. Ends by SystemExit: Hydra adds lines of its own to other exceptions."""
        from lab.report.build import build, summary

        try:
            report = build(check_report(composed), line)
        except (RequestError, RunError) as error:
            raise ended(error, "The report failed") from error
        for text in summary(report, str(composed.lang)):
            log.info("%s", text)

    wrapped: Callable[..., Any] = hydra.main(str(CONF), "report", execution_whitelist=["lab.*"])(one_report)
    return wrapped
