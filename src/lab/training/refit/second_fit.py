"""Trains a run again from the start on its training and validation rows, and keeps the last step's weights.

Its files are in `refit/` of the run folder while it trains; the finished weights are `checkpoints/refit.ckpt`, which is
what the run is tested with and what predicts. A killed refit continues from `refit/checkpoints/last.ckpt`.
"""

import logging
import shutil
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import lightning.pytorch as pl

from lab.config.schema import Config
from lab.core.record.run_folder import RunFolder
from lab.models.linear.solved import SolvedClassifier
from lab.training import tune
from lab.training.build import trainer as parts
from lab.training.checkpoints import refuse_damage
from lab.training.hidden_state_cache import attach_hidden_states
from lab.training.refit.plan import Plan, ending_at, longer, refit_config, scaled_step
from lab.training.session import fit, quiet, settle_machine
from lab.training.tasks.base import Material, with_epoch_ends
from lab.training.tasks.select import prepare

log = logging.getLogger(__name__)
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Refitted:
    """The refit's data and model, whose weights are those of `checkpoints/refit.ckpt`, and the Trainer to test them."""

    material: Material
    trainer: pl.Trainer


def fit_again(
    config: Config, run: RunFolder, where: parts.Hardware, first: Material, chosen: tuple[int, int]
) -> Refitted:
    """Train again on the training and validation rows of `first`. chosen: epoch and step of its best checkpoint.

    Raises RequestError for a damaged checkpoint of a refit that was interrupted.
    """
    second, settings, plan = _prepared(config, run, where, first, chosen)
    _forget_other(run, plan)
    run.refit.path.mkdir(exist_ok=True)
    ends = second.model.training_plan.epoch_ends
    callbacks = parts.callbacks(ending_at(settings, plan.steps), run.refit, reports=False)
    with quiet():
        num_epochs = bisect_left(ends, plan.steps) + 1
        trainer = parts.trainer(settings, where, run.refit.path, callbacks, [], num_epochs)
    if not run.refitted.exists():
        resumed = run.refit.last.exists()
        if resumed:
            refuse_damage(run.refit, run.refit.last, "resume")
        run.update(refit={**plan.fields(), "status": "running"})
        again = "resumed" if resumed else "from the start"
        log.info("refit: train + validation, %d rows, %d optimizer steps, %s", plan.rows, plan.steps, again)
        fit(trainer, second.model, second.data, run.refit.last if resumed else None)
        run.refit.best.replace(run.refitted)
        run.refit.last.unlink(missing_ok=True)
    run.update(refit={**plan.fields(), "status": "completed"})
    return Refitted(second, trainer)


def _prepared(
    config: Config, run: RunFolder, where: parts.Hardware, first: Material, chosen: tuple[int, int]
) -> tuple[Material, Config, Plan]:
    """Data and model of the refit with the seeds and the tokenizer of the first fit, its settings and its length."""
    settle_machine(config)
    requested: dict[str, Any] = run.read().get("requested") or {}

    settings = refit_config(config, first.spec)
    second = prepare(settings, run, where, fresh=True, reads_tokenizer=True)
    tune.apply(settings, second, requested)
    if config.trainer.max_steps is not None:
        settings = longer(settings, second.data.num_batches() / first.data.num_batches())
        second = with_epoch_ends(settings, second)
    attach_hidden_states(settings, second, where, SPLITS)
    ends: Sequence[int] = second.model.training_plan.epoch_ends
    epoch, step = chosen
    steps = scaled_step(step, first.model.training_plan.epoch_ends, ends)
    settle_machine(config)
    if isinstance(second.model, SolvedClassifier) and isinstance(first.model, SolvedClassifier):
        second.model.take_choice(first.model)
    return second, settings, Plan(epoch, step, steps, ends[-1], len(second.data.rows["train"]))


def _forget_other(run: RunFolder, plan: Plan) -> None:
    """Remove a refit that has another length: the first fit was continued and chose another epoch since."""
    known = run.read().get("refit") or {}
    if {name: known.get(name) for name in plan.fields()} != plan.fields():
        run.refitted.unlink(missing_ok=True)
        shutil.rmtree(run.refit.path, ignore_errors=True)
