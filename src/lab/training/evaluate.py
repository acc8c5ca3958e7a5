"""The test of the best checkpoint: at the end of a run, or again of a finished run (`test=FOLDER`)."""

import logging
import math
from collections.abc import Mapping
from pathlib import Path

import lightning.pytorch as pl

from lab.cli.resume import sole_process
from lab.config.schema import Config
from lab.core.errors import RunError, listed
from lab.core.record.baseline_comparison import sentences
from lab.core.record.run_folder import RunFolder
from lab.core.terminal.display import Screen
from lab.core.terminal.tables import Table
from lab.data.cache.entry_locks import unlocking_after
from lab.loggers.build import build
from lab.training import post_processing
from lab.training.baselines.at_end import add_baselines
from lab.training.build import trainer as parts
from lab.training.checkpoints import load_weights, refuse_damage, refuse_non_finite_weights
from lab.training.doubt.at_end import measure_doubt
from lab.training.doubt.calibrate import outcome_lines
from lab.training.doubt.saved import fitting_offsets, saved_temperatures
from lab.training.evaluation.base import EvaluationResult
from lab.training.hidden_state_cache import attach_hidden_states
from lab.training.session import interruptible, plain_os_errors, quiet, settle_machine
from lab.training.tasks.base import Material, refuse_other_data
from lab.training.tasks.select import prepare

log = logging.getLogger(__name__)


@unlocking_after()
def retest(config: Config, folder: Path) -> dict[str, float]:
    """Test the best checkpoint of a finished run again. It prints the scores and how far they are from the record."""
    run = RunFolder(folder)
    with sole_process(run, "test"):
        return _retest(config, run)


def _retest(config: Config, run: RunFolder) -> dict[str, float]:
    settle_machine(config)
    refuse_damage(run, run.final, "test")
    where = parts.hardware(config.trainer, run.read())
    with plain_os_errors():
        material = prepare(config, run, where, fresh=False, trains=False)
        refuse_other_data("test", run.read(), config, material, run)
        load_weights(material.model, run, run.final, "test")
        refuse_non_finite_weights(material.model, run, run.final, "test")
        if config.cache.hidden_states:
            attach_hidden_states(config, material, where, ("test",))
    chosen = parts.Callbacks.for_test(run, config.objective, config.callbacks.progress)
    with quiet():
        trainer = parts.trainer(config, where, run.path, chosen, [])
    result = _calibrated(config, trainer, material, run, test(trainer, material, run))
    record = run.read()
    result = add_baselines(run, config, material, result)
    if record.get("pending"):
        study = (record.get("sweep") or {}).get("study")
        post_processing.report_outcome(
            run, result, build(config, run, study) if post_processing.LOGGERS in record["pending"] else []
        )
    post_processing.write_reference(run, material, result)
    post_processing.write_merged(run, config, material)
    recorded = (record.get("metrics") or {}).get("test") or {}
    show(result, refit_note(run))
    log.info("%s", compare_with_recorded(result.metrics, recorded))
    return result.metrics


def _calibrated(
    config: Config, trainer: pl.Trainer, material: Material, run: RunFolder, result: EvaluationResult
) -> EvaluationResult:
    """The result with the temperatures of the run.

    A run of an older version has none, or no limits of novelty: they are fitted and written.
    """
    known = saved_temperatures(run)
    if known is not None and known.measures_novelty:
        offsets = fitting_offsets(known.offsets, getattr(material.spec, "heads", ()), run)
        return result.calibrated(known.temperatures, offsets)
    if run.final != run.best:  # its validation rows were held out from the first fit only
        load_weights(material.model, run, run.best, "test")
    # The recorded scores of a run of an older version are those of the most probable classes.
    decides = run.read().get("decision") is not None
    doubt = measure_doubt(trainer, material, config, result, decides=decides)
    load_weights(material.model, run, run.final, "test")
    doubt.write(run)
    fitted = doubt.calibration
    run.update(calibration=fitted.scores, **({"decision": doubt.decision} if decides else {}))
    for line in outcome_lines(fitted):
        log.info("%s", line)
    return result.calibrated(fitted.temperatures, fitted.offsets)


def compare_with_recorded(metrics: Mapping[str, float], recorded: Mapping[str, float | None]) -> str:
    """A line with the largest difference from the recorded scores, or that none are recorded.

    Raises RunError where a recorded score is not finite in this test.
    """
    known = {name: value for name, value in recorded.items() if value is not None and name in metrics}
    if not known:
        return "no test scores are recorded, so these are not compared: the run ended before its test"
    wrong = [name for name in known if not math.isfinite(metrics[name])]
    if wrong:
        raise RunError(f"these scores are recorded, but not finite in this test: {listed(wrong)}", "nan")
    largest = max(abs(metrics[name] - value) for name, value in known.items())
    return f"largest difference from the recorded test scores: {largest:.1e} over {len(known)} scores"


def test(trainer: pl.Trainer, material: Material, run: RunFolder) -> EvaluationResult:
    """Test the refit, or else the best checkpoint, on the test split; with `trainer.fast_dev_run`, which writes none,
    the model as it is.

    Raises RunError if there is no best checkpoint.
    """
    if not getattr(trainer, "fast_dev_run", False):
        if not run.best.exists():
            raise RunError("no epoch gave a finite objective, so there is no best checkpoint to test", "nan")
        refuse_damage(run, run.final, "test")
        load_weights(material.model, run, run.final, "test")
    if material.is_tested():
        with quiet(), interruptible():
            trainer.test(material.model, datamodule=material.data, verbose=False)
    return material.evaluate()


def show(result: EvaluationResult, note: str = "") -> None:
    """Print the table of a test result to the terminal, and how the run stands to its best baseline.

    note: a sentence that leads the table's caption.
    """

    def table() -> Table:
        shown = result.table()
        shown.caption = f"{note} {shown.caption}".strip()
        return shown

    Screen().show(table)
    for sentence in sentences(result.comparison) if result.comparison is not None else ():
        log.info("%s", sentence)


def refit_note(run: RunFolder) -> str:
    """Return the sentence that says that a refit was tested; empty for a run without one."""
    plan = run.read().get("refit")
    if plan is None or run.final == run.best:
        return ""
    return f"Refit: trained again on train + validation ({plan['rows']:,} rows, {plan['steps']:,} steps)."
