"""A run in MLflow: flat parameters, metrics over steps, `test/accuracy` to sort by. `mlflow ui` shows it as it is.

The default store is the SQLite file that `mlflow ui` opens by default in the same folder. Runs that start together
create its tables and their experiment one after another. A server that does not answer costs about 10 s, or what
`MLFLOW_HTTP_*` in the environment say. Limits on names and values: mlflow.utils.validation.
"""

import json
import logging
import os
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import MLFlowLogger

from lab.config.schema import Mlflow
from lab.core.locks import exclusive
from lab.core.record.fields import Status, is_test
from lab.core.record.model_files import model_files
from lab.core.record.run_folder import RunFolder
from lab.core.record.tracking_ids import UniqueNames, mlflow_name, recall, remember
from lab.core.registry import LOGGERS
from lab.loggers.base import ENDED_WELL, LoggedRun, Outcome, RunLogger, figures, leaves, outcome_metrics

log = logging.getLogger(__name__)
LONGEST_VALUE, PARAMETERS_PER_CALL = 6000, 100
ATTEMPTS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "4", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
}  # fmt: skip
"""Seconds and counts; MLflow's defaults are 120, 7 and 2, about four minutes in total."""
DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
"""Stores that the client opens without a server."""
UPLOAD = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "60"}
"""A server may need longer to store a file that it has received."""
LAST = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "2", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
"""For the end of a run whose server has failed before."""


class MlflowLogger(RunLogger, MLFlowLogger):
    """One run in experiment `settings.experiment`; `experiment` is MLflow's client, as in Lightning's MLFlowLogger.

    Raises MLflow's errors; the fence turns them into a warning.
    """

    title = "mlflow"

    def __init__(
        self, settings: Mlflow, folder: Path, config: Mapping[str, Any], name: str, tags: Mapping[str, str]
    ) -> None:
        self.settings = settings
        self.metric_names, self.head_names = UniqueNames(say=_warn_of_name), UniqueNames(_file_name)
        with _attempts(ATTEMPTS):
            with _one_at_a_time(settings.tracking_uri):
                _silence()
                super().__init__(folder, tracking_uri=settings.tracking_uri)
                self._run_id = self._start(name, tags)
            self._initialized = True  # the run is started: Lightning's `experiment` need not start one
            remember(self.folder, self.title, self._run_id)
            self._log_parameters(flat_parameters(config))

    @property
    def version(self) -> str:
        return str(self._run_id)

    def _start(self, name: str, tags: Mapping[str, str]) -> str:
        from mlflow.exceptions import MlflowException

        client = self._mlflow_client
        earlier_id = recall(self.folder, self.title)
        if earlier_id:
            client.update_run(earlier_id, status="RUNNING")
            return earlier_id
        experiment = client.get_experiment_by_name(self.settings.experiment)
        if experiment is None:
            try:
                identity = client.create_experiment(self.settings.experiment)
            except MlflowException:
                experiment = client.get_experiment_by_name(self.settings.experiment)
                if experiment is None:
                    raise
        if experiment is not None:
            identity = experiment.experiment_id
        return str(client.create_run(identity, run_name=name, tags=dict(tags)).info.run_id)

    def _log_parameters(self, parameters: Mapping[str, str]) -> None:
        """Log new parameters; a resumed run keeps its first ones, since MLflow refuses to change them."""
        from mlflow.entities import Param

        known = self.experiment.get_run(self.version).data.params
        new = [Param(key, value) for key, value in parameters.items() if key not in known]
        for start in range(0, len(new), PARAMETERS_PER_CALL):
            self.experiment.log_batch(self.version, params=new[start : start + PARAMETERS_PER_CALL])

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        if not is_test(metrics):
            self._log_metrics(metrics, step or 0)

    def _log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now_ms, names = int(time.time() * 1000), self.metric_names.of(metrics)
        values = [Metric(names[name], float(value), now_ms, step) for name, value in metrics.items()]
        with _attempts(ATTEMPTS):
            self.experiment.log_batch(self.version, metrics=values)

    def log_outcome(self, outcome: Outcome) -> None:
        self._log_metrics(outcome_metrics(outcome), int(outcome.objective.get("step") or 0))
        with _attempts(ATTEMPTS | UPLOAD):
            self._log_files(outcome)

    def _log_files(self, outcome: Outcome) -> None:
        names = self.head_names.of(outcome.confusions)
        for head, confusion in outcome.confusions.items():
            table = {"classes": list(confusion.classes), "rows_of_truth": confusion.matrix.tolist()}
            self.experiment.log_dict(self.version, table, f"confusion/{names[head]}.json")
        for path in _files(self.folder):
            place = "figures" if path.suffix == ".png" else None
            self.experiment.log_artifact(self.version, str(path), place)
        if self.settings.log_checkpoint and outcome.best is not None:
            self.experiment.log_artifact(self.version, str(outcome.best), "checkpoints")
            for file in model_files(RunFolder(self.folder)):  # what is needed beside the checkpoint to load it
                place = str(file.parent) if file.parent != Path() else None
                self.experiment.log_artifact(self.version, str(self.folder / file), place)

    def finish(self, status: Status, reason: str = "") -> None:
        mlflow_status = "FINISHED" if status in ENDED_WELL else "KILLED" if status == "interrupted" else "FAILED"
        with _attempts(LAST if self.failed else ATTEMPTS):
            self.experiment.set_tag(self.version, "status", f"{status}: {reason}" if reason else status)
            self.experiment.set_terminated(self.version, mlflow_status)


@LOGGERS.register("mlflow")
def start(settings: Mlflow, run: LoggedRun) -> MlflowLogger:
    """Start the logger of a run."""
    possible = {"folder": str(run.folder), "tags": ",".join(run.tags), "study": run.study or ""}
    tags = {key: value for key, value in possible.items() if value}
    return MlflowLogger(settings, run.folder, run.config, run.name, tags)


@contextmanager
def _attempts(limits: Mapping[str, str]) -> Iterator[None]:
    """Limit how long MLflow's client tries a request, unless the environment sets the limits."""
    ours = {name: value for name, value in limits.items() if name not in os.environ}
    os.environ |= ours
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)


@contextmanager
def _one_at_a_time(tracking_uri: str) -> Iterator[None]:
    """Let one process at a time open a database: two that create its tables at once fail. A server needs no lock."""
    if tracking_uri.partition(":")[0].partition("+")[0] not in DATABASES:
        yield
        return
    from sqlalchemy.engine import make_url

    place = make_url(tracking_uri)
    file = Path(tempfile.gettempdir()) / f"mlflow-{zlib.crc32(tracking_uri.encode()):08x}.lock"
    if place.get_backend_name() == "sqlite" and place.database:
        file = Path(f"{place.database}.lock")
        file.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(file, waiting=lambda: None):
        yield


def _warn_of_name(name: str, logged_as: str) -> None:
    log.warning("mlflow: %s is logged as %s, since MLflow would confuse it with another name", name, logged_as)


def _file_name(head: str) -> str:
    return mlflow_name(head).replace("/", "_")


def _silence() -> None:
    """Keep MLflow from sending telemetry and from logging what it does."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow  # noqa: F401  the import sets levels of its own

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # it warns at each attempt


def _files(folder: Path) -> Iterator[Path]:
    """Yield the existing files that complement the numbers."""
    yield from (path for path in (folder / "config.yaml", folder / "classification_report.txt") if path.exists())
    yield from figures(folder)


def flat_parameters(tree: Mapping[str, Any]) -> dict[str, str]:
    """Return dotted keys (`optimizer.lr`) with text values, within MLflow's limits. A list is one value, as JSON."""
    texts = {key: _text(value) for key, value in leaves(tree)}
    names = UniqueNames(say=_warn_of_name).of(texts)
    return {names[key]: text for key, text in texts.items()}


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 3] + "..."
