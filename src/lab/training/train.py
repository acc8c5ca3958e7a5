"""A checked config becomes a run folder: read, learn, keep the best, test it once, write down what happened.

The record is started before anything is read and closed whatever happens: a request that turns out wrong, a failure, an
interrupt. Ctrl-C and SIGTERM leave here as KeyboardInterrupt, whatever Lightning makes of them.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl

from lab.cli.resume import sole_process
from lab.cli.saved_config import saved_text
from lab.config.schema import Config
from lab.core.batches import spec_fields
from lab.core.files import write_whole
from lab.core.record.fields import Status
from lab.core.record.run_folder import UNENDED, RunFolder
from lab.core.record.seal import sealed
from lab.data.cache.entry_locks import unlocking_after
from lab.loggers.base import RunLogger
from lab.loggers.build import build
from lab.models.parameter_counts import parameter_counts
from lab.training import pending, provenance, tune
from lab.training.build import trainer as parts
from lab.training.checkpoints import load_weights, refuse_damage, refuse_lost_numbers, refuse_other_tally
from lab.training.evaluate import show, test
from lab.training.evaluation.base import Tested, split_metrics
from lab.training.hidden_state_cache import take_states
from lab.training.session import (
    closing,
    interruptible,
    machine_faults_named,
    plain_os_errors,
    quiet,
    settle_machine,
)
from lab.training.tasks.base import Material, data_facts, frozen_in, refuse_other_data
from lab.training.tasks.select import prepare

log = logging.getLogger(__name__)
SPLITS = ("train", "val", "test")


@unlocking_after()
def train(
    config: Config, folder: Path, command: str, sweep: dict[str, Any] | None = None, shared: Path | None = None
) -> float:
    """Train into `folder` (or go on there, `config.resume`) and give the best value of the objective.

    command: what to type for the same run; sweep: {study, trial} of a job of a multirun; shared: the multirun's folder.

    Raises RequestError for a wrong request, RunError for a failure, KeyboardInterrupt when stopped from outside; the
    record says so in each case.
    """
    key = "hydra.run.dir" if config.resume is None else "resume"
    folder.mkdir(parents=True, exist_ok=True)
    with sole_process(RunFolder(folder), key, waits=shared is not None):
        return _train(config, folder, command, sweep, shared)


def _train(config: Config, folder: Path, command: str, sweep: dict[str, Any] | None, shared: Path | None) -> float:
    run, clock = RunFolder(folder), provenance.Clock()
    settle_machine(config)  # before precision=auto looks how fast this machine is on so many threads
    loggers: list[RunLogger] = []
    with clock.part("setup"), plain_os_errors():
        where = parts.hardware(config.trainer, None if config.resume is None else run.read(), shared)
        material = None if config.resume is None else _reopened(run, config, where, command)
    if material is None:
        _start(run, config, where, command, sweep)
    with closing(run, clock, loggers), machine_faults_named(run):
        with clock.part("setup"):
            material = material or _prepared(run, config, where)
            study = (run.read().get("sweep") or {}).get("study")
            loggers += build(config, run, study)
        chosen = parts.callbacks(config, run)
        with quiet():
            trainer = parts.trainer(config, where, folder, chosen, list(loggers))
        with clock.part("fit"):
            _fit(trainer, material, run, resumed=config.resume is not None)
        with clock.part("test"):
            result = test(trainer, material, run)
        ending = _conclude(run, config, material, chosen, result, clock)
    # The run is over and recorded; what follows only tells others, and cannot make it any less complete.
    pending.tell(run, result, loggers)
    _show(run, result, ending)
    pending.merged(run, config, material)
    return ending.value


@dataclass(frozen=True)
class Ending:
    """How a run ended well."""

    status: Status
    reason: str
    objective: dict[str, Any]

    @property
    def value(self) -> float:
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
        sweep=sweep,
        process=provenance.process(),
    )
    settle_machine(config)


def _write_config(run: RunFolder, config: Config) -> None:
    asked = config.model_copy(update={"resume": None, "test": None}).model_dump(mode="json", exclude={"sweep"})
    asked["logger"] = {name: node for name, node in asked["logger"].items() if node is not None}
    text = sealed(saved_text(asked, config.from_environment))
    write_whole(run.config, lambda aside: aside.write_text(text, encoding="utf-8"))


def _met_otherwise(config: Config, where: parts.Hardware) -> dict[str, dict[str, Any]]:
    """What was asked of this machine and is met by something else."""
    if where.note is None:
        return {}
    log.info("%s", where.note)
    return {"trainer.precision": {"asked": config.trainer.precision, "used": where.precision}}


def _prepared(run: RunFolder, config: Config, where: parts.Hardware) -> Material:
    """Data and model of a new run, with what the finders found."""
    material = prepare(config, run, where, fresh=True)
    run.write_spec(spec_fields(material.data.spec))
    run.update(data=data_facts(material), parameters=parameter_counts(frozen_in(config, material.model)))
    run.update(cache=take_states(config, material, where, SPLITS))
    requested = run.read()["requested"]
    run.update(requested=requested | tune.search(config, material, where, run))
    settle_machine(config)
    return material


def _reopened(run: RunFolder, config: Config, where: parts.Hardware, command: str) -> Material:
    """Data and model of a run that goes on. Nothing in its folder changes before both are known to be those of before.

    Raises RequestError when the data is no longer what the run was trained on.
    """
    record = run.read()
    refuse_damage(run, run.last, "resume")
    material = prepare(config, run, where, fresh=False)
    refuse_other_data("resume", record, material, run)
    load_weights(material.model, run, run.last, "resume")
    refuse_lost_numbers(material.model, run, run.last, "resume")
    refuse_other_tally(material.model, run, run.last, "resume")
    cache = take_states(config, material, where, SPLITS)
    tune.apply(config, material, record.get("requested") or {})
    again = {"command": command, "at": provenance.process()["started"]}
    run.remove_partial_files()
    run.write_spec(spec_fields(material.data.spec))
    run.update(
        status="interrupted",
        reason=UNENDED,
        failure=None,
        pending=[],
        cache=cache,
        requested=(record.get("requested") or {}) | _met_otherwise(config, where),
        resumed=[*(record.get("resumed") or []), again],
        process=provenance.process(),
    )
    _write_config(run, config)
    return material


def _fit(trainer: pl.Trainer, material: Material, run: RunFolder, resumed: bool) -> None:
    with quiet(), interruptible():
        trainer.fit(
            material.model,
            datamodule=material.data,
            ckpt_path=run.last if resumed else None,
            weights_only=True,
        )


def _conclude(
    run: RunFolder,
    config: Config,
    material: Material,
    chosen: parts.Callbacks,
    result: Tested,
    clock: provenance.Clock,
) -> Ending:
    """Write down a run that came to its end."""
    best, early = chosen.best, chosen.early_stopping
    objective = {**config.objective.model_dump(), "value": best.value, "epoch": best.epoch, "step": best.step}
    stopped = early.stopping_reason_message if early is not None else None
    terminated = chosen.terminate.reason if chosen.terminate is not None else None
    status: Status = "terminated" if terminated else "early_stopped" if stopped else "completed"
    ending = Ending(status, terminated or stopped or f"all {config.trainer.max_epochs} epochs done", objective)
    result.write(run)
    summary = chosen.resources.summary() if chosen.resources is not None else {}
    history = run.history()
    run.update(
        status=ending.status,
        reason=ending.reason,
        objective=objective,
        pending=pending.at_the_end(config),
        metrics=split_metrics(history, best.epoch) | {"test": result.metrics},
        baselines=result.baselines,
        reference=result.reference,
        parameters=parameter_counts(frozen_in(config, material.model, history[-1]["epoch"])),
        throughput=summary.get("throughput", {}),
        memory=summary.get("memory", {}),
        timing_s=_timing(clock, summary.get("per_epoch")),
        warnings=chosen.overfit.warnings if chosen.overfit is not None else [],
    )
    return ending


def _show(run: RunFolder, result: Tested, ending: Ending) -> None:
    """What a person sees at the end."""
    show(result)
    goal, epoch = ending.objective["metric"], ending.objective["epoch"] + 1
    # Why it stopped early was said when it did, with the best value in it.
    early = f"stopped early after epoch {run.history()[-1]['epoch'] + 1}"
    reason = early if ending.status == "early_stopped" else ending.reason
    log.info("%s; best %s %.4f at epoch %d", reason, goal, ending.value, epoch)
    log.info("run folder: %s", run.path)


def _timing(clock: provenance.Clock, per_epoch: list[float] | None) -> dict[str, object]:
    """Seconds; the epochs before a cut are in `per_epoch`, so a resumed run counts them in `fit` and `total`."""
    seconds = clock.read()
    if per_epoch is None:
        return {**seconds, "per_epoch": []}
    fit = max(seconds["fit"], sum(per_epoch))
    return {**seconds, "fit": fit, "total": seconds["total"] + fit - seconds["fit"], "per_epoch": per_epoch}
