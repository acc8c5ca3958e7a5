"""What a study leaves for people and for reports: trials.csv, summary.json, experiment/best.yaml, the winner's command.

The winner is the trial with the best value it ever reported, whether it came to its own end or a policy ended it:
Optuna's own `best_trial` would pass the latter over.
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
from scipy import stats

from lab.cli.command_line import script
from lab.cli.recipes import recipe, write_best
from lab.core.files import Unreadable
from lab.core.record.run_folder import RunFolder, StudyFolder
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
    """One configuration under new seeds. ci95: half the width of the 95 % interval of the mean (Student's t)."""

    trial: int
    seeds: tuple[int, ...]
    values: tuple[float, ...]
    mean: float
    ci95: float | None


def confirmed(trial: int, seeds: Sequence[int], values: Sequence[float]) -> ConfirmedTrial:
    """Raises ValueError without a value."""
    num = len(values)
    if not num:
        raise ValueError(f"trial {trial} has no confirmed value")
    mean = math.fsum(values) / num
    half = None
    if num > 1:
        deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (num - 1))
        half = float(stats.t.ppf(0.975, num - 1)) * deviation / math.sqrt(num)
    return ConfirmedTrial(trial, tuple(seeds), tuple(values), mean, half)


def ranked(study: optuna.Study, plan: Plan) -> list[FrozenTrial]:
    """Trials that came to an end with a value, the best first; of equals the earlier."""
    ended = [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state in (TrialState.COMPLETE, TrialState.PRUNED) and "best_value" in trial.user_attrs
    ]
    return sorted(ended, key=lambda trial: (-plan.sign * trial.user_attrs["best_value"], trial.number))


def row(trial: FrozenTrial, metric: str) -> dict[str, Any]:
    """A trial as a line of trials.csv; epochs are 0-based as in run.json."""
    told = trial.user_attrs
    return {
        "trial": trial.number,
        "state": STATES[trial.state],
        metric: told.get("best_value"),
        "epoch": told.get("best_epoch"),
        "intervals": len(trial.intermediate_values),
        **told.get("values", {}),
        "failure": told.get("failure"),
        "reason": told.get("reason"),
        "checkpoint": told.get("checkpoint"),
    }


def write(
    folder: StudyFolder, study: optuna.Study, plan: Plan, ended: str | None, confirmations: Sequence[ConfirmedTrial]
) -> dict[str, Any]:
    """trials.csv, summary.json and best.yaml; gives the summary."""
    trials = study.get_trials(deepcopy=False)
    folder.write_trials([row(trial, plan.metric) for trial in trials])
    order = ranked(study, plan)
    winner = _winner(order, plan, confirmations)
    summary: dict[str, Any] = {
        "study": plan.study,
        "objective": {"metric": plan.metric, "goal": plan.goal},
        "trials": {"total": plan.total, **Counter(STATES[trial.state] for trial in trials)},
        "ended": ended,
        "winner": None if winner is None else described(folder, winner),
        "confirmed": [vars(one) | {"whole": _is_whole(one, plan)} for one in confirmations],
    }
    folder.write_summary(summary)
    if winner is not None and folder.trial(winner.number).config.is_file():
        value = winner.user_attrs["best_value"]
        words = f"{plan.study}, trial {winner.number}: {plan.metric} {value:.4f}"
        _write_recipe(folder, folder.trial(winner.number), words)
    return summary


def _write_recipe(folder: StudyFolder, run: RunFolder, words: str) -> None:
    """best.yaml, or a line on why there is none: the study is done all the same."""
    try:
        text = recipe(run, words)
    except (FileNotFoundError, Unreadable) as error:
        log.warning("experiment/best.yaml is not written, the winner's own files cannot be read: %s", error)
        return
    write_best(folder.path, text)


def described(folder: StudyFolder, trial: FrozenTrial) -> dict[str, Any]:
    run = folder.trial(trial.number)
    command = run.read()["command"] if run.is_own() and (run.path / "run.json").is_file() else None
    started = "python train.py" if command is None else script(command)
    told = trial.user_attrs
    return {
        "trial": trial.number,
        "value": told["best_value"],
        "epoch": told.get("best_epoch"),
        "checkpoint": told.get("checkpoint"),
        "values": told["values"],
        "command": command,
        "retrain": f"{started} {shlex.join(['--config-dir', str(folder.path), 'experiment=best'])}",
    }


def _winner(order: Sequence[FrozenTrial], plan: Plan, confirmations: Sequence[ConfirmedTrial]) -> FrozenTrial | None:
    if not order:
        return None
    whole = [one for one in confirmations if _is_whole(one, plan)]
    if not whole:
        return order[0]
    best = max(whole, key=lambda one: plan.sign * one.mean)
    return next(trial for trial in order if trial.number == best.trial)


def _is_whole(one: ConfirmedTrial, plan: Plan) -> bool:
    """Whether it has a value under every seed: means over other seeds are not compared, one of them may be lucky."""
    return plan.confirm is not None and len(one.values) == plan.confirm.seeds


def says(summary: Mapping[str, Any]) -> list[str]:
    """The last lines of a sweep."""
    counts = ", ".join(f"{count} {state}" for state, count in summary["trials"].items() if state != "total")
    lines = [f"study {summary['study']}: {counts or 'no trial'} of {summary['trials']['total']}"]
    if summary["ended"] is not None:
        lines.append(f"ended early: {summary['ended']}; the same command goes on")
    for one in summary["confirmed"]:
        half = "" if one["ci95"] is None else f" ± {one['ci95']:.4f} (95 %)"
        few = "" if one["whole"] else " alone, so it does not compete"
        over = f"{len(one['values'])} seed{'s' if len(one['values']) > 1 else ''}{few}"
        lines.append(f"confirmed trial {one['trial']}: mean {one['mean']:.4f}{half} over {over}")
    if summary["confirmed"] and not any(one["whole"] for one in summary["confirmed"]):
        lines.append("no configuration is confirmed under every seed: the winner is the search's")
    winner = summary["winner"]
    if winner is None:
        return [*lines, "no trial has a value"]
    lines.append(f"winner: trial {winner['trial']}, {summary['objective']['metric']} {winner['value']:.4f}")
    return [*lines, *(f"  {words}" for words in (winner["command"], winner["retrain"]) if words)]
