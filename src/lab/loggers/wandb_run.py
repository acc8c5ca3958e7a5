"""A run in Weights & Biases: one history row per validation, the resolved config, the outcome. Offline without a key.

A row is handed to wandb's service, closed, as soon as it is logged, so a curve has as many points as history.jsonl has
rows; tables and figures of the outcome go into the summary. An offline file is written in the service's own rhythm: it
may lack the last rows of a run that is killed (0.31), which history.jsonl and metrics.csv hold. The run object is its
own (`reinit="create_new"`), never wandb's global one: runs of one process stay apart. Cost: .8 s for the import
and .6 s to start (0.31, 2 cores). Nothing is printed but where an offline run lies.
"""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.loggers.base import ENDED_WELL, Outcome, RunLogger, is_test, is_validation, metrics_of
from lab.loggers.identity import recall, remember
from lab.loggers.wandb_mode import START_LIMIT_S, has_key, resolve_mode
from lab.record_fields import Status
from lab.schema import Wandb

if TYPE_CHECKING:
    from wandb import Run, Table

log = logging.getLogger(__name__)
INTERRUPTED_EXIT = 130


class WandbLogger(RunLogger):
    """One run in project `settings.project`. Raises wandb's errors; the fence around it turns them into a warning."""

    title = "wandb"

    def __init__(
        self,
        settings: Wandb,
        folder: Path,
        config: Mapping[str, Any],
        name: str,
        group: str | None,
        tags: Sequence[str],
    ) -> None:
        super().__init__(folder)
        self.settings = settings
        self.mode = resolve_mode(settings.mode, os.environ, has_key(os.environ))
        described = {"config": dict(config), "name": name, "group": group, "tags": tuple(tags)}
        self.run = self._start_or_stay_offline(described)
        remember(folder, self.title, self.run.id)

    def _start_or_stay_offline(self, described: dict[str, Any]) -> "Run":
        """`auto` with a key and no network means offline, and says so; `online` was asked for and fails."""
        from wandb.errors import CommError

        try:
            return self._start(described)
        except CommError as error:
            if self.settings.mode != "auto":
                raise
            log.warning("wandb: the server cannot be reached, this run is kept offline (%s)", error)
            self.mode = "offline"
            return self._start(described)

    def _start(self, described: dict[str, Any]) -> "Run":
        import wandb

        identity = recall(self.folder, self.title)
        return wandb.init(
            project=self.settings.project,
            entity=self.settings.entity,
            **described,
            dir=str(self.folder),
            id=identity,
            resume="allow" if identity and self.mode == "online" else None,
            mode=self.mode,
            reinit="create_new",
            settings=wandb.Settings(
                silent=True, console="off", disable_job_creation=True, save_code=False, init_timeout=START_LIMIT_S
            ),
        )

    @property
    def version(self) -> str:
        return str(self.run.id)

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        if is_validation(metrics) and not is_test(metrics) and step is not None:
            self.run.log(dict(metrics), step=step, commit=True)

    def log_outcome(self, outcome: Outcome) -> None:
        self.run.summary.update(metrics_of(outcome) | self._tables(outcome) | self._images())
        if self.settings.log_checkpoint and outcome.best is not None:
            self.run.log_artifact(str(outcome.best), name=f"best-{self.run.id}", type="model", aliases=["best"])

    def finish(self, status: Status, reason: str = "") -> None:
        self.run.summary.update({"status": status, "reason": reason})
        exit_code = 0 if status in ENDED_WELL else INTERRUPTED_EXIT if status == "interrupted" else 1
        self.run.finish(exit_code=exit_code)
        if self.mode == "offline":
            kept = Path(self.run.dir).parent
            log.info("wandb: kept offline; `wandb sync %s` uploads it", kept)

    def _tables(self, outcome: Outcome) -> dict[str, "Table"]:
        import wandb

        tables = {}
        for head, confusion in outcome.confusions.items():
            classes, matrix = confusion.classes, confusion.matrix.tolist()
            cells = [
                [truth, predicted, count]
                for truth, counts in zip(classes, matrix, strict=True)
                for predicted, count in zip(classes, counts, strict=True)
            ]
            tables[f"confusion/{head}"] = wandb.Table(columns=["truth", "predicted", "rows"], data=cells)
        first = slice(self.settings.prediction_rows)
        columns = {name: list(values[first]) for name, values in outcome.predictions.items() if is_flat(values)}
        if columns and self.settings.prediction_rows:
            rows = [list(row) for row in zip(*columns.values(), strict=True)]
            tables["predictions"] = wandb.Table(columns=list(columns), data=rows)
        return tables

    def _images(self) -> dict[str, Any]:
        import wandb

        paths = sorted((self.folder / "figures").glob("confusion*.png"))
        return {f"figures/{path.stem}": wandb.Image(str(path)) for path in paths}


def is_flat(values: Sequence[object]) -> bool:
    """Whether a column holds one value a row; all classes' probabilities stay in test_predictions.parquet."""
    return not any(isinstance(value, list | tuple) for value in values[:1])
