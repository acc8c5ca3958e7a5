"""Selects the reader of run folders, W&B, MLflow or Hugging Face Trainer runs, and holds what these readers share.

Their packages are imported only when needed. What a service does not record (parameters, baselines) stays unknown.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from lab.cli.optional_packages import missing_packages, not_installed
from lab.config.schema.report import ReportRequest
from lab.core.errors import Mistake, RequestError
from lab.report.sources.folders import find_folders
from lab.report.sources.record_columns import history_columns
from lab.report.sources.run_folders import SourceRun, SourceRuns, read
from lab.report.text.translate import translate

READERS = {"wandb": "wandb", "mlflow": "mlflow", "hf": "huggingface"}
SHOWN_EXCLUSIONS = 10


def read_requested(request: ReportRequest) -> SourceRuns:
    """Return the runs of the requested folders or service. Raises RequestError if there is none."""
    source = read(find_folders(request.runs)) if request.source == "lab" else read_source(request)
    if not source.runs:
        reasons = [f"{exclusion.path}: {translate(exclusion.reason, request.lang)}" for exclusion in source.exclusions]
        left = len(reasons) - SHOWN_EXCLUSIONS
        lines = reasons[:SHOWN_EXCLUSIONS] + ([f"and {left} more"] if left > 0 else [])
        problem = "these folders contain no run" + "".join(f"\n      {line}" for line in lines)
        remedy = "a folder that train.py made: outputs/..., multirun/...; source=wandb, mlflow or hf for others"
        raise RequestError(Mistake("runs", problem, remedy, ", ".join(request.runs)))
    return source


def read_source(request: ReportRequest) -> SourceRuns:
    """Return all runs of the requested source. Raises RequestError if its package or its folders are missing."""
    if missing := missing_packages(f"source={request.source}"):
        raise RequestError([not_installed("source", name, value=name) for name in missing])
    source: SourceRuns = import_module(f"lab.report.sources.{READERS[request.source]}").read(request)
    return source


def tracked_run(
    path: str,
    values: Mapping[str, Any],
    config: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    summary: Mapping[str, float],
    objective: tuple[str, str],
) -> SourceRun:
    """Return a run from the data of a tracking service.

    values: identity and costs; rows: validations in order, with `step`, `epoch` (0-based) and names with their split;
    summary: final values, of which only test scores are used; objective: metric and mode. The row with the best
    objective gives the train and validation scores.
    """
    metric, mode = objective
    history = history_columns([dict(row) for row in rows], metric)
    numbers = history.get(metric, np.empty(0))
    own: dict[str, Any] = {"metric": metric, "mode": mode, "epochs": len(rows), "path": path}
    own |= {name: value for name, value in summary.items() if name.startswith("test/")}
    if len(numbers) and np.isfinite(numbers).any():
        best = int(np.nanargmax(numbers if mode == "max" else -numbers))
        own |= {"objective": float(numbers[best])}
        own |= {f"objective_{name}": float(history[name][best]) for name in ("epoch", "step") if name in history}
        own |= {name: value for name, value in rows[best].items() if name.startswith(("train/", "val/"))}
    elif summary.get(f"best/{metric}") is not None:
        own |= {"objective": float(summary[f"best/{metric}"])}
    unknown = dict.fromkeys(("study", "trial", "reason", "failure", "command", "fingerprint"))
    identity = unknown | {"seed": config.get("seed"), "data": config.get("data.kind")}
    return SourceRun(path, identity | own | dict(values), dict(config), history)


def objective_of(request: ReportRequest, config: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return a run's metric and mode from its config, else from the request; None if neither has them."""
    requested, own = request.objective, config.get("objective.metric")
    metric = own if isinstance(own, str) else requested.metric
    if not isinstance(metric, str):
        return None
    mode = requested.mode if requested.metric in (None, metric) else None
    known = config.get("objective.mode") if metric == own else None
    mode = mode or (known if known in ("min", "max") else None)
    return metric, mode or ("min" if metric.endswith("loss") else "max")
