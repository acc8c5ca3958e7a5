"""A run in MLflow: flat parameters, metrics over steps, `test/accuracy` to sort by. Plain `mlflow ui` shows it.

The default store is the SQLite file that `mlflow ui` opens by itself in the same folder. An experiment that another
trial made at the same moment is taken as it is. Limits on names and values: mlflow.utils.validation.
"""

import json
import logging
import os
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.loggers.base import ENDED_WELL, Outcome, RunLogger, is_test, metrics_of
from lab.loggers.identity import recall, remember
from lab.record_fields import Status
from lab.schema import Mlflow

if TYPE_CHECKING:
    from mlflow import MlflowClient

LONGEST_NAME, LONGEST_VALUE, PARAMETERS_A_CALL = 250, 6000, 100


class MlflowLogger(RunLogger):
    """One run in experiment `settings.experiment`. Raises MLflow's errors; the fence around it makes them a warning."""

    title = "mlflow"

    def __init__(
        self, settings: Mlflow, folder: Path, config: Mapping[str, Any], name: str, tags: Mapping[str, str]
    ) -> None:
        super().__init__(folder)
        self.settings = settings
        self.client = _client(settings.tracking_uri)
        self.run_id = self._start(name, tags)
        remember(folder, self.title, self.run_id)
        self._log_parameters(flat(config))

    @property
    def version(self) -> str:
        return self.run_id

    def _start(self, name: str, tags: Mapping[str, str]) -> str:
        from mlflow.exceptions import MlflowException

        earlier = recall(self.folder, self.title)
        if earlier:
            self.client.update_run(earlier, status="RUNNING")
            return earlier
        experiment = self.client.get_experiment_by_name(self.settings.experiment)
        if experiment is None:
            try:
                identity = self.client.create_experiment(self.settings.experiment)
            except MlflowException:
                experiment = self.client.get_experiment_by_name(self.settings.experiment)
                if experiment is None:
                    raise
        if experiment is not None:
            identity = experiment.experiment_id
        return str(self.client.create_run(identity, run_name=name, tags=dict(tags)).info.run_id)

    def _log_parameters(self, parameters: Mapping[str, str]) -> None:
        """What is not there yet: a resumed run keeps the parameters it began with (MLflow refuses to change them)."""
        from mlflow.entities import Param

        known = self.client.get_run(self.run_id).data.params
        new = [Param(key, value) for key, value in parameters.items() if key not in known]
        for start in range(0, len(new), PARAMETERS_A_CALL):
            self.client.log_batch(self.run_id, params=new[start : start + PARAMETERS_A_CALL])

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        if not is_test(metrics):
            self._log_metrics(metrics, step or 0)

    def _log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now_ms = int(time.time() * 1000)
        values = [Metric(metric_name(name), float(value), now_ms, step) for name, value in metrics.items()]
        self.client.log_batch(self.run_id, metrics=values)

    def log_outcome(self, outcome: Outcome) -> None:
        self._log_metrics(metrics_of(outcome), int(outcome.objective.get("step") or 0))
        for head, confusion in outcome.confusions.items():
            table = {"classes": list(confusion.classes), "rows_of_truth": confusion.matrix.tolist()}
            self.client.log_dict(self.run_id, table, f"confusion/{metric_name(head).replace('/', '_')}.json")
        for path in _files(self.folder):
            place = "figures" if path.suffix == ".png" else None
            self.client.log_artifact(self.run_id, str(path), place)
        if self.settings.log_checkpoint and outcome.best is not None:
            self.client.log_artifact(self.run_id, str(outcome.best), "checkpoints")

    def finish(self, status: Status, reason: str = "") -> None:
        self.client.set_tag(self.run_id, "status", f"{status}: {reason}" if reason else status)
        ended = "FINISHED" if status in ENDED_WELL else "KILLED" if status == "interrupted" else "FAILED"
        self.client.set_terminated(self.run_id, ended)


def _client(tracking_uri: str) -> "MlflowClient":
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow import MlflowClient

    for name in ("mlflow", "alembic"):  # after the import, which sets levels of its own
        logging.getLogger(name).setLevel(logging.WARNING)
    return MlflowClient(tracking_uri)


def _files(folder: Path) -> Iterator[Path]:
    """What is worth looking at beside the numbers, where it is there."""
    yield from (path for path in (folder / "config.yaml", folder / "classification_report.txt") if path.exists())
    yield from sorted((folder / "figures").glob("*.png"))


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Dotted keys (`optimizer.lr`) and text values, within MLflow's limits. Lists stay one value, in JSON."""
    found: dict[str, str] = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{name}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            found[metric_name(name)] = text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 3] + "..."
    return found


def metric_name(name: str) -> str:
    """A name that MLflow takes: letters of any language, digits, `_-./` and blanks; other signs become `_`."""
    return re.sub(r"[^\w\-./ ]", "_", name)[:LONGEST_NAME]
