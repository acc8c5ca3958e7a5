"""Runs a sweep from its config to its summary: plan, open or resume the folder, search, confirm, write the results."""

import logging
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import optuna
from hydra.core.plugins import Plugins
from hydra.core.utils import configure_log
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from optuna.storages import BaseStorage

from lab.core.errors import Mistake, RequestError, RunError, in_a_block, listed
from lab.core.files import write_whole
from lab.core.hydra_quoting import quoted
from lab.core.machine_faults import MachineError, machine_error
from lab.core.masking import masked
from lab.core.record.run_folder import StudyFolder
from lab.core.symlinks import links_out
from lab.core.terminal.display import Screen, complain
from lab.sweep.definition.load import load_plan
from lab.sweep.definition.plan import Plan
from lab.sweep.execution.hydra_launcher_pool import LauncherPool, refuse_single_batch
from lab.sweep.execution.process_launcher import ProcessLauncher
from lab.sweep.execution.recovery import refuse_other_parameters, refuse_unknown_runs
from lab.sweep.search_space.samplers import normalized_block
from lab.sweep.search_space.words import lines
from lab.sweep.storage.addresses import database_name, refuse_unlockable, refuse_unreachable
from lab.sweep.storage.controllers import SoleController
from lab.sweep.storage.database_lock import tables_lock
from lab.sweep.storage.faults import lost_storage
from lab.sweep.storage.optuna_storage import open_storage, study_lock
from lab.sweep.storage.shared_controller import SharedController
from lab.sweep.storage.shared_study import SharedStudy
from lab.sweep.study import results
from lab.sweep.study.confirmation import confirm
from lab.sweep.study.loop import Search
from lab.sweep.study.progress_table import ProgressTable, end_table
from lab.sweep.study.results import ConfirmedTrial, ranked

log = logging.getLogger(__name__)
_BEFORE_STUDY = re.compile(r"\.lock|multirun\.yaml|\..*\.part")
"""Files that a command writes into the folder before study.yaml."""


def sweep(context: HydraContext, task: TaskFunction, config: DictConfig, arguments: list[str]) -> float | None:
    """Run or resume a study; return the winner's value.

    Raises RequestError for a wrong request, RunError where trials failed and none has a value, MachineError for a fault
    of the machine, KeyboardInterrupt when it was stopped.
    """
    configure_log(config.hydra.hydra_logging, config.hydra.verbose, execution_whitelist=context.execution_whitelist)
    try:
        plan = load_plan(context.config_loader, config, arguments)
        launcher = str(config.hydra.runtime.choices["hydra/launcher"])
        if launcher != "process":
            refuse_single_batch(launcher, plan)
        if plan.storage is not None:
            refuse_unlockable(plan.storage)
            refuse_unreachable(plan.storage)
        folder = StudyFolder(plan.folder)
        with _open_folder(folder, plan):
            return _run_study(folder, plan, context, task, config)
    except RequestError as error:
        complain(in_a_block(error.mistakes))
        raise
    except MachineError as error:
        log.error("The study stops: %s. No trial counts as failed; the same command resumes the study", error)
        raise
    except Exception as error:
        if (lost := lost_storage(error)) is not None:
            log.error("The study stops: %s. No trial counts as failed; the same command resumes the study", lost)
            raise lost from error
        if not isinstance(error, OSError) and machine_error(error) is None:
            raise
        log.error(
            "The study cannot be written: %s; all reports are kept, and the same command resumes the study", error
        )
        raise RunError(str(error)) from error


@contextmanager
def _open_folder(folder: StudyFolder, plan: Plan) -> Iterator[None]:
    """Create the study's folder, or check that it holds this study, and lock it.

    Raises RequestError where the folder holds another study or other files. Files of a command that was killed before
    it wrote study.yaml are allowed.
    """
    begun = folder.path.exists() and any(_BEFORE_STUDY.fullmatch(path.name) is None for path in folder.path.iterdir())
    if begun and folder.read_study() is None:
        problem = "the folder exists already and contains no study"
        raise RequestError(Mistake("sweep.study", problem, quoted("sweep.study", f"{plan.study}_2"), plan.study))
    if links := links_out(folder.path, "sweep.study"):
        raise RequestError(links)
    folder.path.mkdir(parents=True, exist_ok=True)
    with study_lock(folder.lock, plan.study):
        if (saved := folder.read_study()) is not None:
            _refuse_changes(saved, plan)
        yield


def _refuse_changes(saved: dict[str, Any], plan: Plan) -> None:
    """Raises RequestError where the space, goal or settings differ from those that the study began with."""
    mistakes, remedy = [], f"{quoted('sweep.study', f'{plan.study}_2')} for a new study, or the command as it was"
    if saved["fingerprint"] != plan.space.fingerprint():
        mistakes.append(Mistake("sweep.search_space", "differs from that of the study that is resumed", remedy))
    if saved["objective"] != plan.blocks["objective"]:
        was = f"{saved['objective']['primary_metric']}, {saved['objective']['goal']}"
        mistakes.append(Mistake("sweep.objective", f"differs from the study's: {was}", remedy))
    if (drawn := normalized_block(saved["sampling_algorithm"])) != normalized_block(plan.blocks["sampling_algorithm"]):
        mistakes.append(Mistake("sweep.sampling_algorithm", f"differs from the study's: {drawn}", remedy))
    if saved.get("storage", _database_of(plan)) != _database_of(plan):
        problem = (
            f"differs from the study's, where its trials are stored: {saved['storage'] or 'the journal in its folder'}"
        )
        mistakes.append(Mistake("sweep.storage", problem, remedy))
    settings, searched = saved["settings"], set(plan.space.hydra_keys())
    changed = [
        f"{key}={plan.settings.get(key)} (was {settings.get(key)})"
        for key in sorted({*settings, *plan.settings})
        if settings.get(key) != plan.settings.get(key) and key not in searched
    ]
    if changed:
        problem = f"these settings differ from those that the study began with: {listed(changed)}"
        mistakes.append(Mistake("", problem, remedy))
    if mistakes:
        raise RequestError(mistakes)


def _database_of(plan: Plan) -> str | None:
    """Return the name of the study's database; None for the journal in its folder."""
    return None if plan.storage is None else database_name(plan.storage)


def _run_study(
    folder: StudyFolder, plan: Plan, context: HydraContext, task: TaskFunction, config: DictConfig
) -> float | None:
    with read_write(config.hydra.sweep), open_dict(config.hydra.sweep):
        config.hydra.sweep.dir = str(plan.folder)
    text = masked(OmegaConf.to_yaml(config))
    write_whole(folder.path / "multirun.yaml", lambda partial: partial.write_text(text, encoding="utf-8"))
    with nullcontext() if plan.storage is None else tables_lock(plan.storage):  # it may create the tables
        storage = open_storage(plan.storage, folder.journal)
    launcher = Plugins.instance().instantiate_launcher(context, task, config)
    study, controllers = _study(storage, plan, folder, waits_long=not isinstance(launcher, ProcessLauncher))
    trials = study.get_trials(deepcopy=False)
    refuse_unknown_runs(folder, len(trials))
    refuse_other_parameters(trials, plan.space, plan.study)
    folder.write_study(_study_record(plan, controllers))
    pool = (
        launcher.pool(plan.limits.max_concurrent_trials, plan.total, plan.fixed, plan.space.choices())
        if isinstance(launcher, ProcessLauncher)
        else LauncherPool(launcher, plan, folder, storage)
    )
    progress = ProgressTable(plan.total)
    search = Search(plan, study, storage, pool, progress, folder, controllers)
    confirmations: list[ConfirmedTrial] = []
    ended = len(search.state.finished)
    is_new_command = ended >= plan.total
    message = "study %s: %d of %d trials ended, %d at a time, in %s"
    log.info(message, plan.study, ended, plan.total, min(pool.slots, max(1, plan.total - ended)), folder.path)
    for line in (*lines(plan.space), *plan.notes):
        log.info("%s", line)
    try:
        with progress:
            search.run()
            if _may_confirm(search, is_new_command):
                confirmations = _confirmed(search)
    finally:
        pool.close()
        summary = results.write_results(folder, study, plan, search.ending, confirmations)
    _show(study, plan, summary)
    if search.interrupts.count:
        raise KeyboardInterrupt
    winner = summary["winner"]
    if winner is None and summary["trials"].get("failed"):
        raise RunError(f"no trial of {plan.study} has a value")  # each trial's reason was logged
    return None if winner is None else float(winner["value"])


def _study_record(plan: Plan, controllers: SoleController) -> dict[str, Any]:
    """Return the content of study.yaml, which a resumed study must match; its settings leave out searched keys."""
    return {
        "study": plan.study,
        **plan.blocks,
        "storage": _database_of(plan),
        "controller": controllers.id,
        "total": plan.total,
        "fingerprint": plan.space.fingerprint(),
        "settings": {key: value for key, value in plan.settings.items() if key not in plan.space.hydra_keys()},
    }


def _study(
    storage: BaseStorage, plan: Plan, folder: StudyFolder, waits_long: bool
) -> tuple[optuna.Study, SoleController]:
    """Return Optuna's study and the controllers that share it. Trials that an ended controller left RUNNING are queued
    again."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=storage,
        sampler=plan.sampler,
        pruner=plan.policy.pruner() or optuna.pruners.NopPruner(),
        study_name=plan.study,
        direction=plan.goal,
        load_if_exists=True,
    )
    controllers = SoleController(study, storage)
    if plan.storage is not None:
        study = SharedStudy(plan.study, storage, sampler=study.sampler, pruner=study.pruner)
        own_id = (folder.read_study() or {}).get("controller") or uuid.uuid4().hex
        controllers = SharedController(study, storage, plan.storage, str(own_id), waits_long)
    with controllers.lock():
        controllers.join(plan.space.fingerprint())
        for number in controllers.requeue_own():
            log.info("trial %d was interrupted and will resume", number)
    return study, controllers


def _may_confirm(search: Search, is_new_command: bool) -> bool:
    controllers = search.controllers
    if search.plan.confirm is None or search.ending is not None or controllers.has_unfinished_trials():
        return False
    if not controllers.may_confirm(is_new_command):
        log.info("another controller confirms the best trials")
        return False
    return True


def _confirmed(search: Search) -> list[ConfirmedTrial]:
    plan = search.plan
    assert plan.confirm is not None
    best = ranked(search.study, plan)[: plan.confirm.top_k]
    configurations = [(trial.number, plan.space.overrides(plan.space.values(trial.params))) for trial in best]
    with search.interrupts.counting():
        confirmations = confirm(plan, configurations, search.folder, search.pool, search.progress, search.interrupts)
    if (request := search.interrupts.requested()) is not None:
        search.ending = f"{request[0]} before all was confirmed"
    return confirmations


def _show(study: optuna.Study, plan: Plan, summary: dict[str, Any]) -> None:
    order = ranked(study, plan)
    placed = {trial.number for trial in order}
    rest = [trial for trial in study.get_trials(deepcopy=False) if trial.number not in placed]
    rows = [results.trial_row(trial, plan.metric) for trial in [*order, *rest]]
    Screen(error=True).show(lambda: end_table(rows, plan.metric))
    for line in results.summary_lines(summary):
        log.info("%s", line)
