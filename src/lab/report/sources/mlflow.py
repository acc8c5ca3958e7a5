"""Reads runs of an MLflow store: the SQLite file, folder or server that tracking.mlflow_uri names.

`runs=` is not used; tracking.experiment selects one experiment. MLflow keeps parameters as text; number texts become
numbers. Histories are read for the objective and a few related metrics.
"""

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from lab.config.schema.report import ReportRequest
from lab.core.errors import Mistake, RequestError, RunError
from lab.core.record.fields import is_number
from lab.report.findings import Exclusion, Sentence
from lab.report.sources.configs import Loader
from lab.report.sources.run_folders import SourceRuns
from lab.report.sources.select import objective_of, tracked_run

if TYPE_CHECKING:
    from mlflow import MlflowClient

STATES = {"FINISHED": "completed", "FAILED": "failed", "KILLED": "interrupted"}
PAGE = 1000


def read(request: ReportRequest) -> SourceRuns:
    """Return the store's runs. Raises RequestError for a missing store or experiment, RunError with MLflow's error."""
    uri = request.tracking.mlflow_uri
    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).is_file():
        raise RequestError(Mistake("tracking.mlflow_uri", "there is no such file", "sqlite:///mlflow.db", uri))
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    for name in ("mlflow", "alembic"):  # after the import, which sets levels of its own
        logging.getLogger(name).setLevel(logging.WARNING)
    source = SourceRuns()
    try:
        client = MlflowClient(uri)
        for run in _runs(client, request):
            _add(source, client, run, request)
    except MlflowException as error:
        raise RunError(f"MLflow could not be read: {error.message.splitlines()[0]}") from error
    return source


def _runs(client: "MlflowClient", request: ReportRequest) -> Iterator[Any]:
    experiments = list(client.search_experiments())
    name = request.tracking.experiment
    if name is not None:
        names = [experiment.name for experiment in experiments]
        experiments = [experiment for experiment in experiments if experiment.name == name]
        if not experiments:
            problem = f"no experiment has this name; there are {', '.join(names)}"
            raise RequestError(Mistake("tracking.experiment", problem, f"tracking.experiment={names[0]}", name))
    token = None
    identities = [experiment.experiment_id for experiment in experiments]
    while True:
        page = client.search_runs(
            identities, order_by=["attributes.start_time ASC"], max_results=PAGE, page_token=token
        )
        yield from page
        token = page.token
        if not token:
            return


def _add(source: SourceRuns, client: "MlflowClient", run: Any, request: ReportRequest) -> None:
    config = {key: parameter_value(value) for key, value in run.data.params.items()}
    path = f"{run.info.experiment_id}/{run.info.run_id}"
    objective = objective_of(request, config)
    if objective is None:
        words = {"error": "no objective is known: objective.metric=val/f1_macro"}
        source.exclusions.append(Exclusion(path, Sentence("excluded_source", words)))
        return
    values: dict[str, Any] = {
        "status": STATES.get(run.info.status, "interrupted"),
        "reason": run.info.status,
        "study": run.data.tags.get("study"),
    }
    if run.info.end_time is not None:
        values["time_s"] = (run.info.end_time - run.info.start_time) / 1000
    rows = _rows(client, run, objective[0])
    source.runs.append(tracked_run(path, values, config, rows, run.data.metrics, objective))


def _rows(client: "MlflowClient", run: Any, metric: str) -> list[dict[str, float]]:
    """Return one row per step at which the objective was logged."""
    score = metric.partition("/")[2]
    wanted = {metric, f"train/{score}", "epoch", "lr", "train/loss", "val/loss"}
    wanted |= {name for name in run.data.metrics if name.startswith("val/") and name.count("/") == 1}
    steps: dict[int, dict[str, float]] = {}
    for name in sorted(wanted & set(run.data.metrics)):
        for point in client.get_metric_history(run.info.run_id, name):
            steps.setdefault(point.step, {"step": float(point.step)})[name] = point.value
    return [row for _, row in sorted(steps.items()) if metric in row]


def parameter_value(text: str) -> Any:
    """Return a parameter's text as a number, boolean or None if it is one, else as it is; a list stays JSON."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        try:
            value = yaml.load(text, Loader)
        except (yaml.YAMLError, ValueError, RecursionError):
            return text
    return value if value is None or isinstance(value, bool) or is_number(value) else text
