"""A checked config becomes a run folder: read the data, train, keep the best checkpoint, test it once, record it all.

The record is started before the data are read and closed however the run ends: by a wrong request, a failure or an
interrupt. Ctrl-C and SIGTERM leave this module as KeyboardInterrupt, whatever Lightning makes of them.
"""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl

from lab.cli.resume import sole_process
from lab.cli.saved_config import saved_text
from lab.config import plugins
from lab.config.schema import Config
from lab.config.validation_rows import validates_by_leave_one_out
from lab.core.batches import spec_fields
from lab.core.files import write_whole
from lab.core.processes.background import Background
from lab.core.processes.world import World
from lab.core.record.fields import Status
from lab.core.record.run_folder import RUNNING, RunFolder
from lab.core.record.seal import sealed
from lab.data.cache.entry_locks import unlocking_after
from lab.loggers.base import RunLogger
from lab.loggers.build import build
from lab.models.parameters import parameter_counts
from lab.training import post_processing, provenance, tune
from lab.training.auto.suggestion import suggestion
from lab.training.auto.table import Choice
from lab.training.baselines.at_end import add_baselines
from lab.training.baselines.beside import start_beside
from lab.training.build import trainer as parts
from lab.training.checkpoints import load_weights, refuse_damage, refuse_non_finite_weights, refuse_other_train_metric
from lab.training.doubt.at_end import Doubt, measure_doubt
from lab.training.doubt.calibrate import outcome_lines
from lab.training.doubt.decide import decision_lines
from lab.training.evaluate import refit_note, show, test
from lab.training.evaluation.base import EvaluationResult, split_metrics
from lab.training.hidden_state_cache import attach_hidden_states
from lab.training.ranks.launch import Ranks, started
from lab.training.refit.plan import is_refitted
from lab.training.refit.second_fit import Refitted, fit_again
from lab.training.session import (
    closing,
    fit,
    machine_faults_named,
    matmul_precision,
    plain_os_errors,
    quiet,
    settle_machine,
)
from lab.training.tasks.base import Material, apply_freezing, refuse_other_data
from lab.training.tasks.select import prepare

log = logging.getLogger(__name__)
SPLITS = ("train", "val", "test")


@unlocking_after()
def train(
    config: Config, folder: Path, command: str, sweep: dict[str, Any] | None = None, shared: Path | None = None
) -> float:
    """Train into `folder`, or resume the run there (`config.resume`), and return the best value of the objective.

    The value is NaN with `trainer.fast_dev_run`, which has no scores. command: the line to type for the same run;
    sweep: {study, trial} of a job of a multirun; shared: the multirun's folder.

    Raises RequestError for a wrong request, RunError for a failure, KeyboardInterrupt when stopped from outside; the
    record contains the reason in each case.
    """
    key = "hydra.run.dir" if config.resume is None else "resume"
    folder.mkdir(parents=True, exist_ok=True)
    with sole_process(RunFolder(folder), key, waits=shared is not None), Background() as beside:
        return _train(config, folder, command, sweep, shared, beside)


def _train(
    config: Config, folder: Path, command: str, sweep: dict[str, Any] | None, shared: Path | None, beside: Background
) -> float:
    run, clock = RunFolder(folder), provenance.Clock()
    settle_machine(config)  # before precision=auto measures this machine on that number of threads
    loggers: list[RunLogger] = []
    with clock.part("setup"), plain_os_errors():
        where = parts.hardware(config.trainer, None if config.resume is None else run.read(), shared)
        material = None if config.resume is None else _reopened(run, config, where, command)
    if material is None:
        _start(run, config, where, command, sweep)
    with closing(run, clock, loggers, config), machine_faults_named(run), started(config, run, where) as ranks:
        with clock.part("setup"):
            material = material or _prepared(run, config, where)
            study = (run.read().get("sweep") or {}).get("study")
            loggers += [] if config.trainer.fast_dev_run else build(config, run, study)
        chosen = parts.callbacks(config, run)
        start_beside(beside, config, material, sweep)
        with clock.part("fit"):
            trainer = _fitted(config, run, where, material, chosen, loggers, ranks)
        with clock.part("refit"):
            refitted = _refitted(config, run, where, material, chosen)
        with clock.part("test"):
            final = (trainer, material) if refitted is None else (refitted.trainer, refitted.material)
            result = test(*final, run)
            if refitted is not None:  # the rows that measure doubt were held out from the first fit only
                load_weights(material.model, run, run.best, "test")
            doubt = Doubt() if config.trainer.fast_dev_run else measure_doubt(trainer, material, config, result)
            result = result.calibrated(doubt.calibration.temperatures, doubt.calibration.offsets)
        if config.trainer.fast_dev_run:
            return _conclude_fast_dev_run(run, config, clock)
        ending = _conclude(run, config, material, chosen, (result, doubt), clock)
    # The run is over and recorded. What follows only informs others: if it fails, the run is complete all the same.
    result = add_baselines(run, config, material, result, beside)
    post_processing.write_reference(run, material, result)  # before the loggers, which keep it with the model
    post_processing.report_outcome(run, result, loggers)
    _show(run, config, result, ending)
    for line in (*outcome_lines(doubt.calibration), *decision_lines(doubt.decision)):
        log.info("%s", line)
    post_processing.write_merged(run, config, final[1])
    return ending.value


@dataclass(frozen=True)
class Ending:
    """How a completed run ended."""

    status: Status
    reason: str
    objective: dict[str, Any]

    @property
    def value(self) -> float:
        """The objective's value."""
        return float(self.objective["value"])


def _start(run: RunFolder, config: Config, where: parts.Hardware, command: str, sweep: dict[str, Any] | None) -> None:
    """The first record of a new run, and its config."""
    _write_config(run, config)
    run.start(
        command=command,
        objective={**config.objective.model_dump(), "value": None, "epoch": None, "step": None},
        metrics={},
        model={"name": config.model.name, "kind": config.model.kind},
        requested=_met_otherwise(config, where),
        versions=provenance.versions(),
        git_commit=provenance.git_commit(),
        seed=config.seed,
        plugins=plugins.record(config.plugins),
        sweep=sweep,
        process=provenance.process(),
    )
    settle_machine(config)


def _write_config(run: RunFolder, config: Config) -> None:
    saved = config.model_copy(update={"resume": None, "test": None}).model_dump(mode="json", exclude={"sweep"})
    saved["logger"] = {name: node for name, node in saved["logger"].items() if node is not None}
    text = sealed(saved_text(saved, config.from_environment))
    write_whole(run.config, lambda aside: aside.write_text(text, encoding="utf-8"))


def _met_otherwise(config: Config, where: parts.Hardware) -> dict[str, dict[str, Any]]:
    """Requested settings that this machine meets by another value."""
    met: dict[str, dict[str, Any]] = {}
    if config.model_reason is not None:
        choice = Choice(config.model.name, config.model_reason, getattr(config.model, "base", None))
        log.info("model=auto: %s: %s", choice.title, choice.reason)
        met["model"] = {"requested": "auto", "used": choice.title, "reason": choice.reason}
    if where.note is not None:
        log.info("%s", where.note)
        met["trainer.precision"] = {"requested": config.trainer.precision, "used": where.precision}
    if (used := matmul_precision(config.trainer)) != config.trainer.matmul_precision and used != "highest":
        met["trainer.matmul_precision"] = {"requested": config.trainer.matmul_precision, "used": used}
    return met


def _prepared(run: RunFolder, config: Config, where: parts.Hardware) -> Material:
    """Data and model of a new run, with the results of the finders."""
    material = prepare(config, run, where, fresh=True)
    run.write_spec(spec_fields(material.spec))
    run.update(data=material.facts(config), parameters=parameter_counts(apply_freezing(config, material.model)))
    run.update(cache=attach_hidden_states(config, material, where, SPLITS))
    requested = run.read()["requested"]
    run.update(requested=requested | tune.search(config, material, where, run))
    settle_machine(config)
    return material


def _reopened(run: RunFolder, config: Config, where: parts.Hardware, command: str) -> Material:
    """Data and model of a resumed run. Its folder is not changed before both are known to be the same as before.

    Raises RequestError if the data are not those that the run was trained on.
    """
    record = run.read()
    plugins.refuse_changed(record.get("plugins") or [], run.path)
    refuse_damage(run, run.last, "resume")
    material = prepare(config, run, where, fresh=False)
    refuse_other_data("resume", record, config, material, run)
    load_weights(material.model, run, run.last, "resume")
    refuse_non_finite_weights(material.model, run, run.last, "resume")
    refuse_other_train_metric(material.model, run, run.last, "resume")
    cache = attach_hidden_states(config, material, where, SPLITS)
    tune.apply(config, material, record.get("requested") or {})
    again = {"command": command, "at": provenance.process()["started"]}
    run.remove_partial_files()
    run.write_spec(spec_fields(material.spec))
    run.update(
        **RUNNING,
        pending=[],
        cache=cache,
        requested=(record.get("requested") or {}) | _met_otherwise(config, where),
        resumed=[*(record.get("resumed") or []), again],
        process=provenance.process(),
    )
    _write_config(run, config)
    return material


def _fitted(
    config: Config,
    run: RunFolder,
    where: parts.Hardware,
    material: Material,
    chosen: parts.Callbacks,
    loggers: Sequence[RunLogger],
    ranks: Ranks | None,
) -> pl.Trainer:
    """Train, with the other ranks if there are any. Return the Trainer for the test, which is of one device."""

    def trainer(world: World | None) -> pl.Trainer:
        with quiet():
            return parts.trainer(config, where, run.path, chosen, list(loggers), material.num_epochs(config), world)

    last = run.last if config.resume is not None else None
    alone = trainer(None)
    # Lightning adds those of its entry point lightning.pytorch.callbacks_factory.
    run.update(callbacks=provenance.class_names(alone.callbacks))  # type: ignore[attr-defined]
    if ranks is None:
        fit(alone, material.model, material.data, last)
        return alone
    with ranks.fit(material.model, resumes=last is not None, reports=chosen.terminate is not None):
        fit(trainer(ranks.world), material.model, material.data, last)
    return alone


def _refitted(
    config: Config, run: RunFolder, where: parts.Hardware, material: Material, chosen: parts.Callbacks
) -> Refitted | None:
    """Train again on training and validation rows, if the config asks for it and the sweep has not ended the run."""
    terminated = chosen.terminate is not None and chosen.terminate.reason is not None
    if validates_by_leave_one_out(config) and config.data.split.refit:  # type: ignore[union-attr]
        log.info("data.split.refit: no row is held out (leave-one-out), so the model has been trained on all of them")
    if not is_refitted(config) or terminated or chosen.best.epoch is None or chosen.best.step is None:
        return None
    return fit_again(config, run, where, material, (chosen.best.epoch, chosen.best.step))


def _conclude(
    run: RunFolder,
    config: Config,
    material: Material,
    chosen: parts.Callbacks,
    outcome: tuple[EvaluationResult, Doubt],
    clock: provenance.Clock,
) -> Ending:
    """Record a run that came to its end."""
    best, early, (result, doubt) = chosen.best, chosen.early_stopping, outcome
    objective = {**config.objective.model_dump(), "value": best.value, "epoch": best.epoch, "step": best.step}
    stopped = early.stopping_reason_message if early is not None else None
    terminated = chosen.terminate.reason if chosen.terminate is not None else None
    status: Status = "terminated" if terminated else "early_stopped" if stopped else "completed"
    reason = terminated or stopped or chosen.end_reason or f"all {material.num_epochs(config)} epochs done"
    ending = Ending(status, reason, objective)
    result.write(run)
    doubt.write(run)
    summary = chosen.resources.summary() if chosen.resources is not None else {}
    history = run.history()
    run.update(
        status=ending.status,
        reason=ending.reason,
        objective=objective,
        pending=post_processing.pending_steps(config),
        metrics=split_metrics(history, best.step) | {"test": result.metrics},
        reference=result.reference,
        calibration=doubt.calibration.scores,
        decision=doubt.decision,
        parameters=parameter_counts(apply_freezing(config, material.model, history[-1]["epoch"])),
        throughput=summary.get("throughput", {}),
        memory=summary.get("memory", {}),
        timing_s=_timing(clock, summary.get("per_epoch")),
        warnings=chosen.overfit.warnings if chosen.overfit is not None else [],
    )
    return ending


def _conclude_fast_dev_run(run: RunFolder, config: Config, clock: provenance.Clock) -> float:
    """Record that everything ran. There is no score, so no report ranks the run: it says nothing about the model."""
    num = int(config.trainer.fast_dev_run)
    batches = "1 batch" if num == 1 else f"{num} batches"
    reason = f"trainer.fast_dev_run: {batches} of each split ran without an error; no scores, no checkpoints"
    run.update(status="completed", reason=reason, timing_s=_timing(clock, None), warnings=[reason])
    log.info("%s", reason)
    log.info("run folder: %s", run.path)
    return math.nan


def _show(run: RunFolder, config: Config, result: EvaluationResult, ending: Ending) -> None:
    """Print the result."""
    show(result, refit_note(run))
    if (more := suggestion(config, result.comparison, run.read()["data"])) is not None:
        log.info("%s", more)
    rows = " (leave-one-out on the training rows)" if validates_by_leave_one_out(config) else ""
    goal, epoch = ending.objective["metric"], ending.objective["epoch"] + 1
    # The reason of an early stop was printed when it happened, with the best value.
    early = f"stopped early after epoch {run.history()[-1]['epoch'] + 1}"
    reason = early if ending.status == "early_stopped" else ending.reason
    place = f"at epoch {epoch}" if epoch else "of the simple model alone (model.base): no trained epoch was better"
    log.info("%s; best %s%s %.4f %s", reason, goal, rows, ending.value, place)
    log.info("run folder: %s", run.path)


def _timing(clock: provenance.Clock, per_epoch: list[float] | None) -> dict[str, object]:
    """Seconds. `per_epoch` has the epochs before an interruption too, so a resumed run counts them in `fit` and
    `total`."""
    seconds = clock.read()
    if per_epoch is None:
        return {**seconds, "per_epoch": []}
    fit = max(seconds["fit"], sum(per_epoch))
    return {**seconds, "fit": fit, "total": seconds["total"] + fit - seconds["fit"], "per_epoch": per_epoch}
