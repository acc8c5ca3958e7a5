"""A sweep's own run in W&B, beside those of its trials and in their group: what was searched, counts, winner, trials.

A callback of Hydra, called when the multirun is over: it reads the study's folder, so that neither knows the other.
Only where the trials log to W&B; whatever goes wrong costs one line. Cost: the import of wandb and one run, some 1.5 s.
"""

import csv
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from lab.core.files import read_json
from lab.core.masking import masked
from lab.core.record.run_folder import RunFolder, StudyFolder
from lab.loggers.wandb_start import start_run

log = logging.getLogger(__name__)


class LogStudy(Callback):
    """Logs the study of this command; a plain grid has none, and one that was refused has written nothing."""

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        self.began_ns = time.time_ns()

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        folder = Path(str(config.hydra.sweep.dir))
        summary = folder / "summary.json"
        settings = (config.get("logger") or {}).get("wandb")
        if settings is None or not summary.is_file() or summary.stat().st_mtime_ns < self.began_ns:
            return
        try:
            log_study(folder, settings, [masked(str(tag)) for tag in config.get("tags") or []])
        except Exception as error:  # noqa: BLE001 - whatever somebody's package raises, the study is done and recorded
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            log.warning("logger wandb could not log the study, which is complete in %s (%s)", folder, reason)


def log_study(folder: Path, settings: Mapping[str, Any], tags: list[str]) -> None:
    """One run of job_type `study`; a study that went on keeps its id. Raises wandb's errors."""
    import wandb

    summary = read_json(folder / "summary.json", dict)
    run, _ = start_run(
        folder,
        str(settings["mode"]),
        project=settings["project"],
        entity=settings["entity"],
        group=settings["group"] or group_of(folder),
        job_type="study",
        name=summary["study"],
        config=StudyFolder(folder).read_study(),
        tags=tags,
    )
    try:
        run.summary.update(flat(summary))
        with (folder / "trials.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        run.log({"trials": wandb.Table(columns=rows[0], data=rows[1:])})
    finally:
        run.finish()


def group_of(folder: Path) -> str:
    """The group of the study's trials: as their records call it, or the folder's name where none wrote one."""
    for path in sorted(folder.glob("[0-9]*/run.json")):
        study = (RunFolder(path.parent).read().get("sweep") or {}).get("study")
        if study:
            return str(study)
    return folder.name


def flat(summary: Mapping[str, Any]) -> dict[str, Any]:
    """What is worth a column: counts, the best value and epoch (from 0, as in run.json), the winner's parameters."""
    told: dict[str, Any] = {f"trials/{state}": count for state, count in summary["trials"].items()}
    told["ended"] = summary["ended"] or "complete"
    winner = summary["winner"]
    if winner is not None:
        told |= {f"best/{summary['objective']['metric']}": winner["value"], "best/epoch": winner["epoch"]}
        told |= {"best/trial": winner["trial"], "best/command": winner["command"]}
        told |= {f"best/{key}": value for key, value in winner["values"].items()}
        for one in summary["confirmed"]:
            if one["trial"] == winner["trial"]:
                told |= {"confirmed/mean": one["mean"], "confirmed/ci95": one["ci95"]}
    return told
