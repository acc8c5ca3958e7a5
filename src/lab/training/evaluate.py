"""The test of a best checkpoint, at the end of a run or of a finished run once more."""

import logging
import math
from collections.abc import Mapping
from pathlib import Path

import lightning.pytorch as pl

from lab.cli.resume import sole_process
from lab.config.schema import Config
from lab.core.errors import RunError, listed
from lab.core.record.run_folder import RunFolder
from lab.core.terminal.display import Screen
from lab.data.cache.entry_locks import unlocking_after
from lab.loggers.build import build
from lab.training import pending
from lab.training.build import trainer as parts
from lab.training.checkpoints import load_weights, refuse_damage, refuse_lost_numbers
from lab.training.evaluation.base import Tested
from lab.training.hidden_state_cache import take_states
from lab.training.session import interruptible, plain_os_errors, quiet, settle_machine
from lab.training.tasks.base import Material, refuse_other_data
from lab.training.tasks.select import prepare

log = logging.getLogger(__name__)


@unlocking_after()
def retest(config: Config, folder: Path) -> dict[str, float]:
    """Test the best checkpoint of a finished run again: prints the scores and whether they are the recorded ones."""
    run = RunFolder(folder)
    with sole_process(run, "test"):
        return _retest(config, run)


def _retest(config: Config, run: RunFolder) -> dict[str, float]:
    settle_machine(config)
    refuse_damage(run, run.best, "test")
    where = parts.hardware(config.trainer, run.read())
    with plain_os_errors():
        material = prepare(config, run, where, fresh=False, trains=False)
        refuse_other_data("test", run.read(), material, run)
        load_weights(material.model, run, run.best, "test")
        refuse_lost_numbers(material.model, run, run.best, "test")
        if config.cache.hidden_states:
            take_states(config, material, where, ("test",))
    chosen = parts.Callbacks.for_test(run, config.objective, config.callbacks.progress)
    with quiet():
        trainer = parts.trainer(config, where, run.path, chosen, [])
    result = test(trainer, material, run)
    record = run.read()
    if record.get("pending"):
        study = (record.get("sweep") or {}).get("study")
        pending.tell(run, result, build(config, run, study) if pending.LOGGERS in record["pending"] else [])
    pending.merged(run, config, material)
    recorded = (record.get("metrics") or {}).get("test") or {}
    show(result)
    log.info("%s", beside_recorded(result.metrics, recorded))
    return result.metrics


def beside_recorded(metrics: Mapping[str, float], recorded: Mapping[str, float | None]) -> str:
    """How far scores are from those of the record, or that it has none: the run ended before its test.

    Raises RunError where a score that was a number is none any more.
    """
    before = {name: value for name, value in recorded.items() if value is not None and name in metrics}
    if not before:
        return "no test scores are recorded, so there is nothing to compare these with: the run ended before its test"
    lost = [name for name in before if not math.isfinite(metrics[name])]
    if lost:
        raise RunError(f"no number came out for scores that the record has: {listed(lost)}", "nan")
    largest = max(abs(metrics[name] - value) for name, value in before.items())
    return f"largest difference from the recorded test scores: {largest:.1e} over {len(before)} scores"


def test(trainer: pl.Trainer, material: Material, run: RunFolder) -> Tested:
    """Test the best checkpoint on the test split, or the model as it is with `trainer.fast_dev_run`, which writes none.

    Raises RunError if there is no best checkpoint.
    """
    if not getattr(trainer, "fast_dev_run", False):
        if not run.best.exists():
            raise RunError("no epoch gave a finite objective, so there is no best checkpoint to test", "nan")
        refuse_damage(run, run.best, "test")
        load_weights(material.model, run, run.best, "test")
    with quiet(), interruptible():
        trainer.test(material.model, datamodule=material.data, verbose=False)
    return material.evaluate()


def show(result: Tested) -> None:
    Screen().show(result.table)
