"""What is left to do once the end of a run is recorded: figures of the test, the loggers' outcome, the merged model.

It stands in run.json as `pending` until it is done: a run that is killed here gets it by the next `resume=` or `test=`.
"""

import logging
from collections.abc import Sequence
from typing import Any

from lab.config.schema import Config
from lab.core.record.run_folder import RunFolder
from lab.loggers.base import Outcome, RunLogger
from lab.training.evaluation.base import Tested
from lab.training.merge_adapters import is_merged, merge
from lab.training.tasks.base import Material

log = logging.getLogger(__name__)
FIGURES, LOGGERS, MERGED = "figures", "loggers", "merged"


def at_the_end(config: Config) -> list[str]:
    """`pending` of a run whose end is being recorded."""
    chosen = any(logger is not None for _, logger in config.logger)
    return [FIGURES, *([LOGGERS] if chosen else []), *([MERGED] if is_merged(config) else [])]


def tell(run: RunFolder, result: Tested, loggers: Sequence[RunLogger]) -> None:
    """Figures and loggers, where they are pending. loggers: just built; they are closed here."""
    record = run.read()
    if FIGURES in (record.get("pending") or []) and _draw(run, result):
        done(run, FIGURES)
    for logger in loggers:
        logger.log_outcome(Outcome(record["objective"], result.metrics, result.confusions, result.columns, run.best))
        logger.finish(record["status"], record["reason"])
    done(run, LOGGERS)


def merged(run: RunFolder, config: Config, material: Material) -> None:
    """Raises RunError where the merged model cannot be written, which then stays pending."""
    if merge(config, material, run) is not None:
        done(run, MERGED)


def done(run: RunFolder, what: str) -> None:
    """A disk that is full by now makes a finished run no failure: what stays pending is done once more."""
    record: dict[str, Any] = run.read()
    left = [other for other in (record.get("pending") or []) if other != what]
    if left == (record.get("pending") or []):
        return
    try:
        run.update(pending=left)
    except OSError as error:
        log.warning("run.json still calls %s pending: %s", what, error)


def _draw(run: RunFolder, result: Tested) -> bool:
    try:
        result.draw(run)
    except Exception as error:  # noqa: BLE001 (whatever it was, a picture less is no failed run)
        log.warning("the figures of the test could not be drawn: %s: %s", type(error).__name__, error)
        return False
    return True
