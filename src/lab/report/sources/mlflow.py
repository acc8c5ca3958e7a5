"""Runs of an MLflow store: a SQLite file, a folder or a server, whichever tracking.mlflow_uri names.

`runs=` has no part in it; tracking.experiment picks one experiment. Parameters are text there and become the numbers
they spell. A metric's history is read for the objective and what stands beside it.
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
    """Raises RequestError for a store or experiment that is not there, RunError with what the service said."""
    uri = request.tracking.mlflow_uri
    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).is_file():
        raise RequestError(Mistake("tracking.mlflow_uri", "there is no such file", "sqlite:///mlflow.db", uri))
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    for name in ("mlflow", "alembic"):  # after the import, which sets levels of its own
        logging.getLogger(name).setLevel(logging.WARNING)
    reading = SourceRuns()
    try:
        client = MlflowClient(uri)
        for run in _runs(client, request):
            _add(reading, client, run, request)
    except MlflowException as error:
        raise RunError(f"MLflow could not be read: {error.message.splitlines()[0]}") from error
    return reading


def _runs(client: "MlflowClient", request: ReportRequest) -> Iterator[Any]:
    experiments = list(client.search_experiments())
    asked = request.tracking.experiment
    if asked is not None:
        names = [one.name for one in experiments]
        experiments = [one for one in experiments if one.name == asked]
        if not experiments:
            problem = f"no experiment is called so; there are {', '.join(names)}"
            raise RequestError(Mistake("tracking.experiment", problem, f"tracking.experiment={names[0]}", asked))
    token = None
    identities = [one.experiment_id for one in experiments]
    while True:
        page = client.search_runs(
            identities, order_by=["attributes.start_time ASC"], max_results=PAGE, page_token=token
        )
        yield from page
        token = page.token
        if not token:
            return


def _add(reading: SourceRuns, client: "MlflowClient", run: Any, request: ReportRequest) -> None:
    config = {key: spelt(value) for key, value in run.data.params.items()}
    path = f"{run.info.experiment_id}/{run.info.run_id}"
    objective = objective_of(request, config)
    if objective is None:
        words = {"error": "no objective is known: objective.metric=val/f1_macro"}
        reading.exclusions.append(Exclusion(path, Sentence("excluded_source", words)))
        return
    values: dict[str, Any] = {
        "status": STATES.get(run.info.status, "interrupted"),
        "reason": run.info.status,
        "study": run.data.tags.get("study"),
    }
    if run.info.end_time is not None:
        values["time_s"] = (run.info.end_time - run.info.start_time) / 1000
    rows = _rows(client, run, objective[0])
    reading.runs.append(tracked_run(path, values, config, rows, run.data.metrics, objective))


def _rows(client: "MlflowClient", run: Any, metric: str) -> list[dict[str, float]]:
    """One row a step at which the objective was logged."""
    score = metric.partition("/")[2]
    wanted = {metric, f"train/{score}", "epoch", "lr", "train/loss", "val/loss"}
    wanted |= {name for name in run.data.metrics if name.startswith("val/") and name.count("/") == 1}
    steps: dict[int, dict[str, float]] = {}
    for name in sorted(wanted & set(run.data.metrics)):
        for point in client.get_metric_history(run.info.run_id, name):
            steps.setdefault(point.step, {"step": float(point.step)})[name] = point.value
    return [row for _, row in sorted(steps.items()) if metric in row]


def spelt(text: str) -> Any:
    """The value that a parameter's text spells: a number, true, null; a list stays its JSON."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        try:
            value = yaml.load(text, Loader)
        except (yaml.YAMLError, ValueError, RecursionError):
            return text
    return value if value is None or isinstance(value, bool) or is_number(value) else text
