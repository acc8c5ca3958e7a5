"""The results of a study: trials.csv, summary.json, experiment/best.yaml and the winner's commands.

The winner of a search is the trial with the best value that it ever reported, whether it completed or a policy ended it
(Optuna's `best_trial` leaves out the latter). Where configurations were confirmed under every seed, the best mean wins.
The report has a rule of its own (`lab.report.analysis.winner`), because it compares several studies and single runs;
parallel rooms do not import each other. For one study both rules give the same trial.
"""

import logging
import math
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from lab.cli.command_line import script
from lab.cli.recipes import recipe, write_best
from lab.core.files import Unreadable
from lab.core.record.baseline_comparison import FIELD, sentences
from lab.core.record.run_folder import RunFolder, StudyFolder
from lab.core.student_t import score_range, t_quantile
from lab.sweep.definition.plan import Plan

log = logging.getLogger(__name__)

STATES = {
    TrialState.COMPLETE: "completed",
    TrialState.PRUNED: "terminated",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
}


@dataclass(frozen=True)
class ConfirmedTrial:
    """One configuration under new seeds. ci95: half the width of the 95 % confidence interval of the mean (Student's
    t)."""

    trial: int
    seeds: tuple[int, ...]
    values: tuple[float, ...]
    mean: float
    ci95: float | None


def confirmed_trial(trial: int, seeds: Sequence[int], values: Sequence[float]) -> ConfirmedTrial:
    """Return the mean of a trial's values with its interval. Raises ValueError without a value."""
    num = len(values)
    if not num:
        raise ValueError(f"trial {trial} has no confirmed value")
    mean = math.fsum(values) / num
    half = None
    if num > 1:
        deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (num - 1))
        half = t_quantile(num - 1, 0.95) * deviation / math.sqrt(num)
    return ConfirmedTrial(trial, tuple(seeds), tuple(values), mean, half)


def ranked(study: optuna.Study, plan: Plan) -> list[FrozenTrial]:
    """Return the ended trials with a value, the best first; of equal values the earlier trial first."""
    ended = [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state in (TrialState.COMPLETE, TrialState.PRUNED) and "best_value" in trial.user_attrs
    ]
    return sorted(ended, key=lambda trial: (-plan.sign * trial.user_attrs["best_value"], trial.number))


def trial_row(trial: FrozenTrial, metric: str) -> dict[str, Any]:
    """Return a trial as a row of trials.csv; epochs are 0-based as in run.json."""
    attributes = trial.user_attrs
    return {
        "trial": trial.number,
        "state": STATES[trial.state],
        metric: attributes.get("best_value"),
        "epoch": attributes.get("best_epoch"),
        "intervals": len(trial.intermediate_values),
        **attributes.get("values", {}),
        "failure": attributes.get("failure"),
        "reason": attributes.get("reason"),
        "checkpoint": attributes.get("checkpoint"),
    }


def write_results(
    folder: StudyFolder, study: optuna.Study, plan: Plan, ended: str | None, confirmations: Sequence[ConfirmedTrial]
) -> dict[str, Any]:
    """Write trials.csv, summary.json and best.yaml; return the summary. ended: why the study ended early, if it did."""
    trials = study.get_trials(deepcopy=False)
    folder.write_trials([trial_row(trial, plan.metric) for trial in trials])
    order = ranked(study, plan)
    winner = _winner(order, plan, confirmations)
    summary: dict[str, Any] = {
        "study": plan.study,
        "objective": {"metric": plan.metric, "goal": plan.goal},
        "trials": {"total": plan.total, **Counter(STATES[trial.state] for trial in trials)},
        "ended": ended,
        "winner": None if winner is None else _described(folder, winner),
        "confirmed": [vars(trial) | {"whole": _is_complete(trial, plan)} for trial in confirmations],
    }
    folder.write_summary(summary)
    if winner is not None and folder.trial(winner.number).config.is_file():
        value = winner.user_attrs["best_value"]
        words = f"{plan.study}, trial {winner.number}: {plan.metric} {value:.4f}"
        _write_recipe(folder, folder.trial(winner.number), words)
    return summary


def _write_recipe(folder: StudyFolder, run: RunFolder, words: str) -> None:
    """Write best.yaml, or log why it cannot be written: the study has ended in any case."""
    try:
        text = recipe(run, words)
    except (FileNotFoundError, Unreadable) as error:
        log.warning("experiment/best.yaml is not written, the winner's own files cannot be read: %s", error)
        return
    write_best(folder.path, text)


def _described(folder: StudyFolder, trial: FrozenTrial) -> dict[str, Any]:
    run = folder.trial(trial.number)
    record = run.read() if run.is_own() and (run.path / "run.json").is_file() else {}
    command = record.get("command")
    started = script(command or "")
    attributes = trial.user_attrs
    return {
        "trial": trial.number,
        "value": attributes["best_value"],
        "epoch": attributes.get("best_epoch"),
        "checkpoint": attributes.get("checkpoint"),
        "values": attributes["values"],
        FIELD: record.get(FIELD),
        "command": command,
        "retrain": f"{started} {shlex.join(['--config-dir', str(folder.path), 'experiment=best'])}",
    }


def _winner(order: Sequence[FrozenTrial], plan: Plan, confirmations: Sequence[ConfirmedTrial]) -> FrozenTrial | None:
    if not order:
        return None
    complete = [confirmed for confirmed in confirmations if _is_complete(confirmed, plan)]
    if not complete:
        return order[0]
    best = max(complete, key=lambda confirmed: plan.sign * confirmed.mean)
    return next(trial for trial in order if trial.number == best.trial)


def _is_complete(confirmed: ConfirmedTrial, plan: Plan) -> bool:
    """Whether it has a value under every seed; means over fewer seeds are not compared, because a seed may be lucky."""
    return plan.confirm is not None and len(confirmed.values) == plan.confirm.seeds


def _interval_words(trial: Mapping[str, Any], metric: str) -> str:
    """The interval of a confirmed mean, clipped to the values that its metric can take; empty for one seed."""
    mean, half = trial["mean"], trial["ci95"]
    if half is None:
        return ""
    lowest, highest = score_range(metric)
    return f" [{max(mean - half, lowest):.4f}, {min(mean + half, highest):.4f}] (95 %)"


def summary_lines(summary: Mapping[str, Any]) -> list[str]:
    """Return the last log lines of a sweep."""
    counts = ", ".join(f"{count} {state}" for state, count in summary["trials"].items() if state != "total")
    lines = [f"study {summary['study']}: {counts or 'no trial'} of {summary['trials']['total']}"]
    if summary["ended"] is not None:
        lines.append(f"ended early: {summary['ended']}; the same command resumes it")
    for trial in summary["confirmed"]:
        interval = _interval_words(trial, summary["objective"]["metric"])
        few = "" if trial["whole"] else " alone, so it does not compete"
        over = f"{len(trial['values'])} seed{'s' if len(trial['values']) > 1 else ''}{few}"
        lines.append(f"confirmed trial {trial['trial']}: mean {trial['mean']:.4f}{interval} over {over}")
    if summary["confirmed"] and not any(trial["whole"] for trial in summary["confirmed"]):
        lines.append("no configuration is confirmed under every seed: the winner is the search's")
    winner = summary["winner"]
    if winner is None:
        return [*lines, "no trial has a value"]
    lines.append(f"winner: trial {winner['trial']}, {summary['objective']['metric']} {winner['value']:.4f}")
    lines += [f"  {sentence}" for sentence in sentences(winner[FIELD])] if winner.get(FIELD) else []
    return [*lines, *(f"  {words}" for words in (winner["command"], winner["retrain"]) if words)]
