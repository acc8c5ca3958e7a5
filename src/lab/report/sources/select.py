"""The same comparison of runs that others keep: W&B, MLflow, the Hugging Face Trainer. Each becomes the same table.

Their packages are imported when they are asked for. What a service does not know (parameters, baselines) is not shown.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from lab.cli.optional_packages import missing_packages, not_installed
from lab.config.schema.report import Reported
from lab.core.errors import RequestError
from lab.report.sources.record_columns import columns
from lab.report.sources.run_folders import Read, Reading

READERS = {"wandb": "wandb", "mlflow": "mlflow", "hf": "huggingface"}


def read_from(request: Reported) -> Reading:
    """All runs of a source. Raises RequestError where its package is missing or its folders hold none."""
    if missing := missing_packages(f"source={request.source}"):
        raise RequestError([not_installed("source", name, value=name) for name in missing])
    reading: Reading = import_module(f"lab.report.sources.{READERS[request.source]}").read(request)
    return reading


def tracked(
    path: str,
    values: Mapping[str, Any],
    config: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    summary: Mapping[str, float],
    objective: tuple[str, str],
) -> Read:
    """A run as a tracking service knows it.

    values: identity and costs; rows: validations in order, with `step`, `epoch` (0-based) and names with their split;
    summary: final values, of which those of the test split count; objective: metric and mode, whose best row gives the
    train and validation scores.
    """
    metric, mode = objective
    history = columns([dict(row) for row in rows], metric)
    numbers = history.get(metric, np.empty(0))
    own: dict[str, Any] = {"metric": metric, "mode": mode, "epochs": len(rows), "path": path}
    own |= {name: value for name, value in summary.items() if name.startswith("test/")}
    if len(numbers) and np.isfinite(numbers).any():
        best = int(np.nanargmax(numbers if mode == "max" else -numbers))
        own |= {"objective": float(numbers[best])}
        own |= {f"objective_{name}": float(history[name][best]) for name in ("epoch", "step") if name in history}
        own |= {name: found for name, found in rows[best].items() if name.startswith(("train/", "val/"))}
    elif summary.get(f"best/{metric}") is not None:
        own |= {"objective": float(summary[f"best/{metric}"])}
    unknown = dict.fromkeys(("study", "trial", "reason", "failure", "command", "fingerprint"))
    identity = unknown | {"seed": config.get("seed"), "data": config.get("data.kind")}
    return Read(path, identity | own | dict(values), dict(config), history)


def objective_of(request: Reported, config: Mapping[str, Any]) -> tuple[str, str] | None:
    """What a run was trained for: as its config says, else as asked; None where neither does."""
    asked, own = request.objective, config.get("objective.metric")
    metric = own if isinstance(own, str) else asked.metric
    if not isinstance(metric, str):
        return None
    mode = asked.mode if asked.metric in (None, metric) else None
    known = config.get("objective.mode") if metric == own else None
    mode = mode or (known if known in ("min", "max") else None)
    return metric, mode or ("min" if metric.endswith("loss") else "max")
