"""train.py, each of whose jobs writes down when it began and ended. Or, with CLOCKED_SLEEP_S, jobs that sleep.

A line per job goes to the file that CLOCKED names. A sleeping job imports nothing heavy, takes CLOCKED_SLEEP_S seconds
times its learning rate over 0.001, and reports its objective three times where a controller listens.
"""

import json
import os
import sys
import time
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

TRUSTED = ["lab.*", "hydra.*", "hydra_plugins.*", "optuna.*"]
REPORTS = 3


@hydra.main(config_path="../../conf", config_name="config", execution_whitelist=TRUSTED)
def one_job(config: DictConfig) -> float | None:
    """The objective."""
    began = time.time()
    try:
        if "CLOCKED_SLEEP_S" in os.environ:
            return sleep(float(os.environ["CLOCKED_SLEEP_S"]) * config.optimizer.lr / 1e-3, config)
        from lab.cli.command_line import parse
        from lab.commands.train import entry

        return entry(parse(sys.argv))(config)  # type: ignore[no-any-return]  # Hydra's decorator hands a config through
    finally:
        line = {"job": HydraConfig.get().job.num, "began": began, "ended": time.time()}
        with Path(os.environ["CLOCKED"]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def sleep(seconds: float, config: DictConfig) -> float:
    from lab.sweep.reporting.process_reporter import connected
    from lab.sweep.reporting.reporter import Report

    reporter, value = connected(), float(config.loss.label_smoothing)
    for interval in range(1, REPORTS + 1):
        time.sleep(seconds / REPORTS)
        if reporter is not None:
            reporter.report(Report(interval, value, interval - 1, REPORTS))
    return value


if __name__ == "__main__":
    one_job()
