"""Compare runs: compose, check, call, exit code. `python report.py --help` says how.

Exit codes: 0 done, 2 the request was wrong, 1 it failed, 130 interrupted. torch is never imported.
"""

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import hydra
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from lab.cli import command_line, missing_quotes, validate_overrides
from lab.config.check import check_report
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
from lab.core.terminal import display, streams
from lab.report.sources.folders import join_folders

CONF = Path(__file__).resolve().parent / "conf"
COMMAND = command_line.command(command_line.parse(sys.argv))

log = logging.getLogger("report")


@hydra.main(config_path="conf", config_name="report", execution_whitelist=["lab.*"])
def one_report(composed: DictConfig) -> None:
    """Build the report and say where it is. Ends by SystemExit: Hydra adds lines of its own to other exceptions."""
    from lab.report.build import build, summary

    try:
        report = build(check_report(composed), COMMAND)
    except RequestError as error:
        raise SystemExit(_refused(error.mistakes)) from error
    except RunError as error:
        display.complain(f"The report failed: {error}")
        raise SystemExit(EXIT_FAILED) from error
    for line in summary(report, str(composed.lang)):
        log.info("%s", line)


def main() -> int:
    """The exit code of one command line."""
    streams.settle()
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises its errors instead of printing them and exiting with 1
    sys.argv = missing_quotes.with_quotes(join_folders(sys.argv))
    typed = command_line.parse(sys.argv)
    mistakes = validate_overrides.mistakes(typed, CONF, "report", check_report) if typed.runs else []
    if mistakes:
        return _refused(mistakes)
    try:
        one_report()
    except (HydraException, OmegaConfBaseException) as error:
        return _refused([Mistake("", " ".join(f"{error} {error.__cause__ or ''}".split()))])
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return EXIT_DONE


def _refused(mistakes: Sequence[Mistake]) -> int:
    display.complain(in_a_block(mistakes))
    return EXIT_REQUEST


if __name__ == "__main__":
    sys.exit(main())
