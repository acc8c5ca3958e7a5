"""A run in Weights & Biases: a history row per validation and per logged step, the resolved config, the outcome.

Offline without a key. The row of a validation is committed at once. The row of a step alone is committed with the next
row, since W&B refuses a second row of a step, which may also be validated. The test scores are the last row; they and
the outcome's tables and figures go into the summary, too. wandb's service (0.31) writes at its own pace, so a kill
loses the last rows: a resumed run logs the rows of history.jsonl that W&B lacks. Each run has its own run object
(`reinit="create_new"`), so that runs of one process stay separate. Cost: .8 s for the import, .6 s to start (2 cores).
Only the folder of an offline run is printed.
"""

import logging
import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightning.pytorch import loggers

from lab.config.schema import Wandb
from lab.core.record.fields import Status, is_test, is_validation
from lab.core.record.model_files import model_files
from lab.core.record.run_folder import RunFolder
from lab.core.registry import LOGGERS
from lab.loggers.base import (
    ENDED_WELL,
    LoggedRun,
    Outcome,
    RunLogger,
    figures,
    metrics_of_test,
    outcome_metrics,
)
from lab.loggers.wandb_run import segments, start_run, stored_steps

if TYPE_CHECKING:
    from wandb import Artifact, Table

log = logging.getLogger(__name__)
INTERRUPTED_EXIT = 130


class WandbLogger(RunLogger, loggers.WandbLogger):
    """Lightning's WandbLogger of one run in project `settings.project`, which is its `experiment`.

    Raises wandb's errors; the fence turns them into a warning.
    """

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
        self.settings = settings
        description = {"config": dict(config), "name": name, "group": group, "tags": tuple(tags)}
        place = {"project": settings.project, "entity": settings.entity}
        self.run, self.mode = start_run(folder, settings.mode, settings.log_checkpoint, **place, **description)
        super().__init__(folder, name=name, save_dir=folder, project=settings.project, experiment=self.run)
        self._has_earlier_rows = False

    @property
    def version(self) -> str:
        return str(self.run.id)

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Add a row; without a step (`log_image`, `log_table`) values are added to the row that is open."""
        if is_test(metrics):
            return
        if step is not None:
            self._log_earlier_rows(step)
        self.run.log(dict(metrics), step=step, commit=is_validation(metrics))

    def _log_earlier_rows(self, before: int | None = None) -> None:
        """Log the rows of earlier processes (before step `before`) that W&B lost in a kill; only on the first call."""
        if self._has_earlier_rows:
            return
        self._has_earlier_rows = True
        rows = [row for row in RunFolder(self.folder).history() if before is None or row["step"] < before]
        if not rows:
            return
        known = stored_steps(self.folder, self.run.id, Path(self.run.dir).parent) if self.mode == "offline" else set()
        for row in rows:
            step = int(row.pop("step"))
            if step >= self.run.starting_step and step not in known:
                values = {name: math.nan if value is None else value for name, value in row.items()}
                self.run.log(values, step=step, commit=True)

    def log_outcome(self, outcome: Outcome) -> None:
        self._log_earlier_rows()
        self.run.log(metrics_of_test(outcome), commit=True)
        self.run.summary.update(outcome_metrics(outcome) | self._tables(outcome) | self._images())
        if self.settings.log_checkpoint and outcome.best is not None:
            self.run.log_artifact(self._model(outcome.best), aliases=["best"])

    def finish(self, status: Status, reason: str = "") -> None:
        if not self.failed:
            self._log_earlier_rows()
        self.run.summary.update({"status": status, "reason": reason})
        exit_code = 0 if status in ENDED_WELL else INTERRUPTED_EXIT if status == "interrupted" else 1
        self.run.finish(exit_code=exit_code)
        if self.mode == "offline":
            parts = shlex.join(map(str, segments(self.folder, self.run.id)))
            log.info("wandb: kept offline; `wandb sync %s` uploads it", parts)

    def _model(self, best: Path) -> "Artifact":
        """The checkpoint with what is needed to load it, laid out like the run folder."""
        import wandb

        artifact, run = wandb.Artifact(f"best-{self.run.id}", type="model"), RunFolder(self.folder)
        artifact.add_file(str(best), str(run.final.relative_to(run.path)))
        for file in model_files(run):
            if run.path / file != run.final:
                artifact.add_file(str(run.path / file), str(file))
        return artifact

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

        return {f"figures/{path.stem}": wandb.Image(str(path)) for path in figures(self.folder)}


@LOGGERS.register("wandb")
def start(settings: Wandb, run: LoggedRun) -> WandbLogger:
    """Start the logger of a run."""
    return WandbLogger(settings, run.folder, run.config, run.name, settings.group or run.study, run.tags)


def is_flat(values: Sequence[object]) -> bool:
    """Return True if a column holds one value per row, not lists: those stay in test_predictions.parquet."""
    return not any(isinstance(value, list | tuple) for value in values[:1])
