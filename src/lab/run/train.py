"""A checked config becomes a run folder: read, learn, keep the best, test it once, write down what happened.

The record is started before anything is read and closed whatever happens: a request that turns out wrong, a failure, an
interrupt. Ctrl-C and SIGTERM leave here as KeyboardInterrupt, whatever Lightning makes of them.
"""

import logging
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from omegaconf import OmegaConf

from lab.loggers.base import Confusion, Outcome, RunLogger
from lab.loggers.build import build
from lab.record import RunFolder, Status, write_whole
from lab.run import facts, finders, outcome, parts
from lab.run.circumstances import closing, quiet, settle_machine
from lab.run.material import Material, prepare
from lab.run.retest import show, test
from lab.schema import Config

log = logging.getLogger(__name__)


def train(config: Config, folder: Path, command: str, sweep: dict[str, Any] | None = None) -> float:
    """Train into `folder` (or go on there, `config.resume`) and give the best value of the objective.

    command: what to type for the same run; sweep: {study, trial} of a job of a multirun.

    Raises RequestError for a wrong request, RunError for a failure, KeyboardInterrupt when stopped from outside; the
    record says so in each case.
    """
    run, clock = RunFolder(folder), facts.Clock()
    where = parts.hardware(config.trainer)
    _start(run, config, where, command, sweep)
    loggers: list[RunLogger] = []
    with closing(run, clock, loggers):
        with clock.part("setup"):
            material = _prepared(run, config, where)
            _find_settings(run, config, material, where)
            loggers += build(config, run, str(sweep["study"]) if sweep else None)
        chosen = parts.callbacks(config, run)
        with quiet():
            trainer = parts.trainer(config, where, folder, chosen, list(loggers))
        with clock.part("fit"):
            _fit(trainer, material, run, resumed=config.resume is not None)
        with clock.part("test"):
            result = test(trainer, material, run)
        return _conclude(run, config, material, chosen, result, clock, loggers)


def _start(run: RunFolder, config: Config, where: parts.Hardware, command: str, sweep: dict[str, Any] | None) -> None:
    asked = config.model_copy(update={"resume": None, "test": None}).model_dump(mode="json", exclude={"sweep"})
    asked["logger"] = {name: node for name, node in asked["logger"].items() if node is not None}
    write_whole(run.config, lambda aside: OmegaConf.save(OmegaConf.create(asked), aside))
    requested = {}
    if where.note is not None:
        log.info("%s", where.note)
        requested["trainer.precision"] = {"asked": config.trainer.precision, "used": where.precision}
    run.start(
        command=command,
        objective={**config.objective.model_dump(), "value": None, "epoch": None, "step": None},
        metrics={},
        model={"name": config.model.name, "kind": config.model.kind},
        requested=requested,
        versions=facts.versions(),
        git_commit=facts.git_commit(),
        seed=config.seed,
        sweep=sweep,
        process={
            "pid": os.getpid(),
            "host": platform.node(),
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    )
    settle_machine(config)


def _prepared(run: RunFolder, config: Config, where: parts.Hardware) -> Material:
    material = prepare(config, run, where, fresh=config.resume is None)
    run.update(data=material.facts, parameters=facts.parameter_counts(material.model))
    return material


def _find_settings(run: RunFolder, config: Config, material: Material, where: parts.Hardware) -> None:
    """Finders before a fresh run; a resumed one uses what they found then."""
    requested = run.read()["requested"]
    if config.resume is not None:
        finders.apply(config, material, requested)
        return
    run.update(requested=requested | finders.search(config, material, where.device, run))
    settle_machine(config)


def _fit(trainer: pl.Trainer, material: Material, run: RunFolder, resumed: bool) -> None:
    checkpoint = run.last if resumed else None
    with quiet():
        try:
            trainer.fit(
                material.model,
                material.data.train_loader(),
                material.data.val_loader(),
                ckpt_path=checkpoint,
                weights_only=True,
            )
        except SystemExit as stopped:
            raise KeyboardInterrupt from stopped


def _conclude(
    run: RunFolder,
    config: Config,
    material: Material,
    chosen: parts.Callbacks,
    result: outcome.Tested,
    clock: facts.Clock,
    loggers: list[RunLogger],
) -> float:
    """Write the record of a run that came to its end and show it."""
    best, early = chosen.best, chosen.early_stopping
    objective = {**config.objective.model_dump(), "value": best.value, "epoch": best.epoch, "step": best.step}
    stopped = early.stopped_reason if early is not None else None
    terminated = chosen.terminate.reason if chosen.terminate is not None else None
    status: Status = "terminated" if terminated else "early_stopped" if stopped else "completed"
    reason = terminated or stopped or f"all {config.trainer.max_epochs} epochs done"
    outcome.write(run, result, material.heads)
    summary = chosen.resources.summary() if chosen.resources is not None else {}
    run.update(
        status=status,
        reason=reason,
        objective=objective,
        metrics=outcome.split_metrics(run.history(), best.epoch) | {"test": result.metrics},
        baselines=result.baselines,
        reference=result.reference,
        parameters=facts.parameter_counts(material.model),
        throughput=summary.get("throughput", {}),
        memory=summary.get("memory", {}),
        timing_s=_timing(clock, summary.get("per_epoch")),
        warnings=chosen.overfit.warnings if chosen.overfit is not None else [],
    )
    confusions = {head.name: Confusion(result.matrices[head.name], head.classes) for head in material.heads}
    for logger in loggers:
        logger.log_outcome(Outcome(objective, result.metrics, confusions, result.columns, run.best))
        logger.finish(status, reason)
    show(result, material)
    log.info("%s; best %s %.4f at epoch %d", reason, objective["metric"], best.value, (best.epoch or 0) + 1)
    log.info("run folder: %s", run.path)
    assert best.value is not None
    return best.value


def _timing(clock: facts.Clock, per_epoch: list[float] | None) -> dict[str, object]:
    """Seconds; the epochs before a cut are in `per_epoch`, so a resumed run counts them in `fit` and `total`."""
    seconds = clock.read()
    if per_epoch is None:
        return {**seconds, "per_epoch": []}
    fit = max(seconds["fit"], sum(per_epoch))
    return {**seconds, "fit": fit, "total": seconds["total"] + fit - seconds["fit"], "per_epoch": per_epoch}
