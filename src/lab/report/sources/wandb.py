"""Reads runs of W&B: offline folders on disk, or a project through W&B's API.

The network is used only if tracking.experiment names a project (`entity/project`). A run without a known objective is
excluded and named.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lab.config.dotted_keys import flattened
from lab.config.schema.report import ReportRequest
from lab.core.errors import RunError
from lab.core.record.fields import is_number
from lab.core.wandb_file import OfflineRun, read_offline
from lab.report.findings import Exclusion, Sentence
from lab.report.sources.configs import comparable
from lab.report.sources.folders import find_folders
from lab.report.sources.run_folders import SourceRuns
from lab.report.sources.select import objective_of, tracked_run

INTERRUPTED_EXIT = 130


def read(request: ReportRequest) -> SourceRuns:
    """Return all runs. Raises RequestError for missing folders, RunError with W&B's error."""
    source = SourceRuns()
    for path, run in _online(request) if request.tracking.experiment is not None else _offline(request):
        if isinstance(run, ValueError | OSError):
            source.exclusions.append(Exclusion(path, Sentence("excluded_source", {"error": str(run)})))
            continue
        _add(source, path, run, request)
    return source


def _offline(request: ReportRequest) -> Iterator[tuple[str, OfflineRun | ValueError | OSError]]:
    for folder in find_folders(request.runs):
        for place, names, files in os.walk(folder):
            names[:] = sorted(name for name in names if name != "files")
            for name in sorted(files):
                if name.startswith("run-") and name.endswith(".wandb"):
                    try:
                        yield place, read_offline(Path(place) / name)
                    except (OSError, ValueError) as error:
                        yield place, error


def _online(request: ReportRequest) -> Iterator[tuple[str, OfflineRun]]:
    import wandb

    try:
        for run in wandb.Api().runs(request.tracking.experiment):
            rows = [dict(row) for row in run.scan_history()]
            summary = dict(run.summary)
            code = {"finished": 0, "killed": INTERRUPTED_EXIT}.get(run.state, None if run.state == "running" else 1)
            seconds = summary.get("_runtime")
            yield (
                "/".join(run.path),
                OfflineRun(run.name, run.group or "", dict(run.config), rows, summary, code, seconds),
            )
    except (wandb.errors.Error, ValueError, OSError) as error:
        raise RunError(f"W&B could not be read: {error}") from error


def _add(source: SourceRuns, path: str, run: OfflineRun, request: ReportRequest) -> None:
    flat = flattened({key: value for key, value in run.config.items() if key != "_wandb"})
    config = {key: comparable(value) for key, value in flat.items()}
    objective = objective_of(request, config)
    if objective is None:
        words = {"error": "no objective is known: objective.metric=val/f1_macro"}
        source.exclusions.append(Exclusion(path, Sentence("excluded_source", words)))
        return
    rows = [_row(row) for row in run.rows]
    validations = [row for row in rows if any(name.startswith("val/") for name in row)]
    values: dict[str, Any] = {
        "status": _status(run),
        "reason": _text(run.summary.get("reason")),
        "study": run.group or None,
    }
    if run.seconds is not None:
        values["time_s"] = float(run.seconds)
    source.runs.append(tracked_run(path, values, config, validations, _numbers(run.summary), objective))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _status(run: OfflineRun) -> str:
    """Return the status that the run logged, else one derived from its exit code."""
    logged = run.summary.get("status")
    if logged in ("completed", "early_stopped", "terminated", "failed", "interrupted"):
        return str(logged)
    return {0: "completed", INTERRUPTED_EXIT: "interrupted", None: "interrupted"}.get(run.exit_code, "failed")


def _row(row: Mapping[str, Any]) -> dict[str, float]:
    numbers = _numbers(row)
    return {name: value for name, value in numbers.items() if not name.startswith("_")} | (
        {"step": numbers["_step"]} if "_step" in numbers else {}
    )


def _numbers(tree: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in tree.items() if is_number(value)}
