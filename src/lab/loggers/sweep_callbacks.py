"""Hydra callbacks at the end of a multirun: log the study itself to W&B, and name the jobs whose loggers failed.

They read the folders of the sweep, so that sweeps and loggers do not know each other. An error costs one log line. Cost
of the W&B run: the import of wandb and its start, about 1.5 s.
"""

import csv
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from lab.core.errors import listed
from lab.core.files import read_json
from lab.core.masking import masked
from lab.core.record.run_folder import RunFolder, StudyFolder
from lab.core.record.tracking_ids import FILE, lost
from lab.loggers.wandb_run import start_run

log = logging.getLogger(__name__)


class LogStudy(Callback):
    """Logs a study as a W&B run of its own in the group of its trials, if these log to W&B.

    A plain grid has no study, and a refused one has written no summary: both log nothing.
    """

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        self.start_ns = time.time_ns()

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        folder = Path(str(config.hydra.sweep.dir))
        summary = folder / "summary.json"
        settings = (config.get("logger") or {}).get("wandb")
        if settings is None or not summary.is_file() or summary.stat().st_mtime_ns < self.start_ns:
            return
        try:
            log_study(folder, settings, [masked(str(tag)) for tag in config.get("tags") or []])
        except Exception as error:  # noqa: BLE001 - a package may raise anything, and the study is done and recorded
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            log.warning("logger wandb could not log the study, which is complete in %s (%s)", folder, reason)


class WarnOfFailedLoggers(Callback):
    """Names the jobs whose loggers failed, for every sweeper and launcher: each job warns in its own log only."""

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        for warning in failed_loggers(Path(str(config.hydra.sweep.dir))):
            log.warning("%s", warning)


def log_study(folder: Path, settings: Mapping[str, Any], tags: list[str]) -> None:
    """Log a study as one run of job_type `study`; a resumed study keeps its id. Raises wandb's errors."""
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
        run.summary.update(study_summary(summary))
        with (folder / "trials.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        run.log({"trials": wandb.Table(columns=rows[0], data=rows[1:])})
    finally:
        run.finish()


def group_of(folder: Path) -> str:
    """Return the W&B group of the study's trials as their records name it, or the folder's name without records."""
    for path in sorted(folder.glob("[0-9]*/run.json")):
        study = (RunFolder(path.parent).read().get("sweep") or {}).get("study")
        if study:
            return str(study)
    return folder.name


def study_summary(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a study: counts, best value and epoch (0-based, as in run.json), winner's parameters."""
    columns: dict[str, Any] = {f"trials/{state}": count for state, count in summary["trials"].items()}
    columns["ended"] = summary["ended"] or "complete"
    winner = summary["winner"]
    if winner is not None:
        columns |= {f"best/{summary['objective']['metric']}": winner["value"], "best/epoch": winner["epoch"]}
        columns |= {"best/trial": winner["trial"], "best/command": winner["command"]}
        columns |= {f"best/{key}": value for key, value in winner["values"].items()}
        for confirmed in summary["confirmed"]:
            if confirmed["trial"] == winner["trial"]:
                columns |= {"confirmed/mean": confirmed["mean"], "confirmed/ci95": confirmed["ci95"]}
    return columns


def failed_loggers(folder: Path) -> list[str]:
    """Return one warning per logger that failed in a job below `folder`; hidden folders (`.cut/`) do not count."""
    jobs: dict[str, dict[str, str]] = {}
    for file in sorted(folder.rglob(FILE), key=lambda path: (len(path.parts), len(path.parent.name), path)):
        name = file.parent.relative_to(folder)
        if not any(part.startswith(".") for part in name.parts):
            for title, reason in lost(file.parent).items():
                jobs.setdefault(title, {})[str(name)] = reason
    return [
        f"logger {title} failed in {len(reasons)} of the jobs, which are complete in {folder}: {listed(list(reasons))} "
        f"({next(iter(reasons.values()))})"
        for title, reasons in jobs.items()
    ]
