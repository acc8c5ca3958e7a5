"""A checked config becomes a run folder: read, learn, keep the best, test it once, write down what happened.

The record is started before anything is read and closed whatever happens: a request that turns out wrong, a failure, an
interrupt. Ctrl-C and SIGTERM leave here as KeyboardInterrupt, whatever Lightning makes of them.
"""

import logging
import os
import platform
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import torch
from omegaconf import OmegaConf
from rich.console import Console

from lab import schema
from lab.errors import FailureKind, Mistake, RequestError, RunError
from lab.loggers.base import Confusion, Outcome, RunLogger
from lab.loggers.build import build
from lab.models.multitask import predictions
from lab.record import RunFolder, Status, write_whole
from lab.report.outcome import outcome_table
from lab.run import facts, finders, outcome, parts
from lab.run.material import Material, prepare

log = logging.getLogger(__name__)
EXPECTED_WARNINGS = (
    ".*does not have many workers.*",  # tokens are memory-mapped: loader processes rarely pay
    ".*in eval mode at the start of training.*",  # frozen layers are
    ".*is smaller than the logging interval.*",
    ".*treespec, LeafSpec.*",  # Lightning's own use of torch
)


def train(config: schema.Config, folder: Path, command: str) -> float:
    """Train into `folder` (or go on there, `config.resume`) and give the best value of the objective.

    Raises RequestError for a wrong request, RunError for a failure, KeyboardInterrupt when stopped from outside; the
    record says so in each case.
    """
    run, clock = RunFolder(folder), facts.Clock()
    where = parts.hardware(config.trainer)
    _start(run, config, where, command)
    loggers: list[RunLogger] = []
    with _closing(run, clock, loggers):
        with clock.part("setup"):
            material = _prepared(run, config, where)
            _find_settings(run, config, material, where)
            loggers += build(config, run, None)
        chosen = parts.callbacks(config, run)
        with _quiet():
            trainer = parts.trainer(config, where, folder, chosen, list(loggers))
        with clock.part("fit"):
            _fit(trainer, material, run, resumed=config.resume is not None)
        with clock.part("test"):
            result = test(trainer, material, run)
        return _conclude(run, config, material, chosen, result, clock, loggers)


def retest(config: schema.Config, folder: Path) -> dict[str, float]:
    """Test the best checkpoint of a finished run again: prints the scores and whether they are the recorded ones."""
    run = RunFolder(folder)
    where = parts.hardware(config.trainer)
    _settle_machine(config)
    material = prepare(config, run, where, fresh=False)
    if run.read()["data"]["fingerprint"] != material.corpus.fingerprint:
        problem = "the data has changed since this run; its scores would be of other rows"
        raise RequestError(Mistake("test", problem, "bring the files back as they were", str(folder)))
    with _quiet():
        trainer = parts.trainer(config, where, folder, parts.Callbacks.for_test(run, config.objective), [])
    result = test(trainer, material, run)
    recorded = run.read()["metrics"].get("test", {})
    _show(result, material)
    apart = {name: value - recorded[name] for name, value in result.metrics.items() if recorded.get(name) is not None}
    largest = max((abs(value) for value in apart.values()), default=0.0)
    log.info("largest difference from the recorded test scores: %.1e over %d scores", largest, len(apart))
    return result.metrics


def test(trainer: pl.Trainer, material: Material, run: RunFolder) -> outcome.Tested:
    """Test the best checkpoint on the test split. Raises RunError when there is none."""
    if not run.best.exists():
        raise RunError("no epoch gave a finite objective, so there is no best checkpoint to test", "nan")
    stored = torch.load(run.best, map_location="cpu", weights_only=True)
    material.model.load_state_dict(stored["state_dict"])
    with _quiet():
        trainer.test(material.model, material.data.test_loader(), verbose=False)
    _, probabilities = predictions(material.model.test_outputs)
    scores = material.model.tallies["test"].scores()
    return outcome.tested(scores, probabilities, material.corpus.splits["test"], material.heads)


def _start(run: RunFolder, config: schema.Config, where: parts.Hardware, command: str) -> None:
    asked = config.model_copy(update={"resume": None, "test": None}).model_dump(mode="json")
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
        sweep=None,
        process={
            "pid": os.getpid(),
            "host": platform.node(),
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    )
    _settle_machine(config)


def _settle_machine(config: schema.Config) -> None:
    """Threads and every global seed: what draws from a global generator (a new weight) draws the same each time."""
    if config.trainer.threads is not None:
        torch.set_num_threads(config.trainer.threads)
    random.seed(config.seed)
    np.random.seed(config.seed % 2**32)  # noqa: NPY002  libraries draw from it
    torch.manual_seed(config.seed)


def _prepared(run: RunFolder, config: schema.Config, where: parts.Hardware) -> Material:
    material = prepare(config, run, where, fresh=config.resume is None)
    run.update(data=material.facts, parameters=facts.parameter_counts(material.model))
    return material


def _find_settings(run: RunFolder, config: schema.Config, material: Material, where: parts.Hardware) -> None:
    """Finders before a fresh run; a resumed one uses what they found then."""
    requested = run.read()["requested"]
    if config.resume is not None:
        finders.apply(config, material, requested)
        return
    run.update(requested=requested | finders.search(config, material, where.device, run))
    _settle_machine(config)


def _fit(trainer: pl.Trainer, material: Material, run: RunFolder, resumed: bool) -> None:
    checkpoint = run.last if resumed else None
    with _quiet():
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
    config: schema.Config,
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
    status: Status = "early_stopped" if stopped else "completed"
    reason = stopped or f"all {config.trainer.max_epochs} epochs done"
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
        timing_s=clock.read() | {"per_epoch": summary.get("per_epoch", [])},
    )
    confusions = {head.name: Confusion(result.matrices[head.name], head.classes) for head in material.heads}
    for logger in loggers:
        logger.log_outcome(Outcome(objective, result.metrics, confusions, result.columns, run.best))
        logger.finish(status, reason)
    _show(result, material)
    log.info("%s; best %s %.4f at epoch %d", reason, objective["metric"], best.value, (best.epoch or 0) + 1)
    log.info("run folder: %s", run.path)
    assert best.value is not None
    return best.value


def _show(result: outcome.Tested, material: Material) -> None:
    heads = [head.name for head in material.heads]
    Console().print(outcome_table(result.metrics, result.baselines, result.reference, heads))


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what Lightning says about itself and its advice that does not hold here."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.WARNING)
    with warnings.catch_warnings():
        for message in EXPECTED_WARNINGS:
            warnings.filterwarnings("ignore", message=message)
        try:
            yield
        finally:
            logger.setLevel(level)


@contextmanager
def _closing(run: RunFolder, clock: facts.Clock, loggers: list[RunLogger]) -> Iterator[None]:
    """Whatever ends the run is written down before it goes on its way."""

    def close(status: Status, reason: str, failure: FailureKind | None) -> None:
        try:
            run.update(status=status, reason=reason, failure=failure, timing_s=clock.read())
        except OSError as error:
            log.error("the end of the run could not be recorded: %s", error)
        for logger in loggers:
            logger.finish(status, reason)

    try:
        yield
    except KeyboardInterrupt:
        close("interrupted", "stopped from outside (Ctrl-C or SIGTERM)", None)
        log.info("to go on: python train.py resume=%s", run.path)
        raise
    except RequestError as error:
        close("failed", str(error), "error")
        raise
    except RunError as error:
        close("failed", str(error), error.kind)
        raise
    except (MemoryError, torch.OutOfMemoryError) as error:
        close("failed", f"out of memory: {error}", "oom")
        raise RunError(
            f"out of memory: {error}\n    try: a smaller data.batch_size with callbacks.accumulate.batches", "oom"
        ) from error
    except Exception as error:
        close("failed", f"{type(error).__name__}: {error}", "error")
        raise
