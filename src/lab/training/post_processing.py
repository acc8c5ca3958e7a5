"""The steps after the end of a run is recorded: baselines, figures, the outcome for loggers, reference, merged model.

Each step is listed in `pending` of run.json until it is done. If the process is killed before that, the next `resume=`
or `test=` of the run does the remaining steps.
"""

import logging
from collections.abc import Sequence

from lab.config.schema import Config
from lab.core.record.run_folder import RunFolder
from lab.loggers.base import Outcome, RunLogger
from lab.report.figures.doubt_figures import coverage_curves, reliability_diagram
from lab.report.figures.run_figures import save_png
from lab.training.evaluation.base import EvaluationResult
from lab.training.merge_adapters import is_merged, merge
from lab.training.reference.predictions import add_predictions
from lab.training.tasks.base import Material

log = logging.getLogger(__name__)
BASELINES, FIGURES, LOGGERS, MERGED, REFERENCE = "baselines", "figures", "loggers", "merged", "reference"


def pending_steps(config: Config) -> list[str]:
    """The steps that a run still has to do when its end is recorded: `pending` of run.json."""
    has_logger = any(logger for _, logger in config.logger)
    loggers, merged = [LOGGERS] if has_logger else [], [MERGED] if is_merged(config) else []
    return [BASELINES, FIGURES, *loggers, REFERENCE, *merged]


def report_outcome(run: RunFolder, result: EvaluationResult, loggers: Sequence[RunLogger]) -> None:
    """Draw the figures if they are pending, and give the outcome to `loggers`, which are closed afterwards."""
    record = run.read()
    if FIGURES in (record.get("pending") or []) and _draw(run, result):
        mark_done(run, FIGURES)
    for logger in loggers:
        logger.log_outcome(Outcome(record["objective"], result.metrics, result.confusions, result.columns, run.final))
        logger.finish(record["status"], record["reason"])
    mark_done(run, LOGGERS)


def write_merged(run: RunFolder, config: Config, material: Material) -> None:
    """Write the merged model if the config asks for it. Raises RunError where it cannot; the step stays pending."""
    if merge(config, material, run) is not None:
        mark_done(run, MERGED)


def write_reference(run: RunFolder, material: Material, result: EvaluationResult) -> None:
    """Write reference.json if the task has one. A full disk does not fail a finished run: the step stays pending."""
    try:
        reference = material.task.reference(material.data)
        if reference is not None:
            add_predictions(reference, result.predictions)
            run.write_reference(reference.fields())
    except OSError as error:
        log.warning("%s could not be written: %s", run.reference.name, error)
        return
    mark_done(run, REFERENCE)


def mark_done(run: RunFolder, step: str) -> None:
    """Remove a step from `pending`. A full disk does not fail a finished run: the step is then done again later."""
    pending: list[str] = run.read().get("pending") or []
    if step not in pending:
        return
    try:
        run.update(pending=[other for other in pending if other != step])
    except OSError as error:
        log.warning("run.json still lists %s as pending: %s", step, error)


def _draw(run: RunFolder, result: EvaluationResult) -> bool:
    """Draw the figures; return whether that worked."""
    try:
        result.draw(run)
        calibration = run.read_calibration() or {}
        for name, draw in (("reliability", reliability_diagram), ("coverage", coverage_curves)):
            if (figure := draw(calibration)) is not None:
                save_png(figure, run.figures / f"{name}.png")
    except Exception as error:  # noqa: BLE001 (a run without a figure has not failed)
        log.warning("the figures of the test could not be drawn: %s: %s", type(error).__name__, error)
        return False
    return True
