"""Compare runs. `python report.py --help` says how; `lab.cli.main` has the exit codes. torch is never imported."""

import logging
import sys
from pathlib import Path

import hydra
from omegaconf import DictConfig

from lab.cli import command_line
from lab.cli.main import Command, ended, main
from lab.config.check import check_report
from lab.core.errors import RequestError, RunError
from lab.report.sources.folders import join_folders

COMMAND = command_line.command(command_line.parse(sys.argv))

log = logging.getLogger("report")


@hydra.main(config_path="conf", config_name="report", execution_whitelist=["lab.*"])
def one_report(composed: DictConfig) -> None:
    """Build the report and say where it is. Ends by SystemExit: Hydra adds lines of its own to other exceptions."""
    from lab.report.build import build, summary

    try:
        report = build(check_report(composed), COMMAND)
    except (RequestError, RunError) as error:
        raise ended(error, "The report failed") from error
    for line in summary(report, str(composed.lang)):
        log.info("%s", line)


if __name__ == "__main__":
    conf = Path(__file__).resolve().parent / "conf"
    sys.exit(main(Command(one_report, conf, "report", check_report, arguments=join_folders)))
