"""What each early-termination policy would have done with trials that are over: which, when, why, saved, lost.

All trials of a sweep are replayed in step: at interval n all that still run report, then the policy decides on each,
as `lab.early_termination.policies.decide` does. An interval is a recorded validation; a trial that was ended keeps its
reports so far. Arrays instead of one pass per decision: 10,000 trials of 50 intervals in about a second a policy.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lab.core.errors import Mistake, RequestError
from lab.early_termination.policies import (
    Bandit,
    Goal,
    MedianStopping,
    NoPolicy,
    OptunaPruner,
    Rule,
    TruncationSelection,
    among_worst,
    applies,
    behind_best,
    behind_median,
    parse,
    rank,
)
from lab.report.analysis.groups import has_result
from lab.report.findings import Floats, Runs, Sentence, TerminatedTrial, WhatIf
from lab.report.sources.expected_runs import CONFIRMATION, unique_names


def parse_policies(blocks: Sequence[Mapping[str, Any] | str]) -> list[tuple[str, Mapping[str, Any], Rule]]:
    """Policies to replay, each with its name and block. Raises RequestError with every mistake.

    Optuna's pruners are refused: what they do depends on the order in which trials came in.
    """
    found: list[tuple[str, Mapping[str, Any], Rule]] = []
    mistakes: list[Mistake] = []
    for block in blocks:
        try:
            policy = parse(block)
        except RequestError as error:
            mistakes += error.mistakes
            continue
        if isinstance(policy, OptunaPruner):
            problem = "decides by the order in which trials came in, and cannot be replayed"
            mistakes.append(Mistake("what_if", problem, "bandit, median_stopping or truncation_selection", policy.name))
        else:
            told = {"type": block} if isinstance(block, str) else block
            found.append((_name(told), told, policy))
    if mistakes:
        raise RequestError(mistakes)
    return found


def _name(block: Mapping[str, Any]) -> str:
    settings = " ".join(f"{key}={value}" for key, value in block.items() if key != "type")
    return f"{block['type']} {settings}".strip()


def replay_policies(runs: Runs, blocks: Sequence[Mapping[str, Any] | str]) -> tuple[WhatIf, ...]:
    """Every policy on the runs of every sweep, and on those of none together, where there are two or more."""
    policies = parse_policies(blocks)
    good = has_result(runs) & np.array([runs.metric in history for history in runs.histories], bool)
    names, by_sweep = unique_names(runs.sweeps), dict[str, list[int]]()
    for row in np.flatnonzero(good).tolist():
        if not str(runs.frame["study"].iloc[row]).endswith(CONFIRMATION):
            by_sweep.setdefault(_sweep(runs, row), []).append(row)
    found = []
    for sweep, rows in by_sweep.items():
        if len(rows) < 2:
            continue
        reports = [runs.histories[row][runs.metric] for row in rows]
        for name, block, policy in policies:
            found.append(_replay_on_sweep(name, block, names.get(sweep, sweep), rows, reports, policy, runs.goal))
    return tuple(found)


def _sweep(runs: Runs, row: int) -> str:
    """Path of the sweep that a run stands in: two may have one name. Of none that was read: the name in its record."""
    known = {sweep.path for sweep in runs.sweeps}
    path, study = runs.frame["path"].iloc[row], runs.frame["study"].iloc[row]
    above = next((str(one) for one in Path(path).parents if str(one) in known), None)
    return above if above is not None else study if isinstance(study, str) else ""


def _replay_on_sweep(
    name: str,
    block: Mapping[str, Any],
    study: str,
    rows: Sequence[int],
    reports: Sequence[Floats],
    policy: Rule,
    goal: Goal,
) -> WhatIf:
    ends = replay(policy, goal, reports)
    sign = 1.0 if goal == "maximize" else -1.0
    total = sum(len(values) for values in reports)
    ended = tuple(
        TerminatedTrial(rows[place], interval, len(reports[place]) - interval, reason)
        for place, (interval, reason) in sorted(ends.items())
        if interval < len(reports[place])
    )
    saved = sum(one.epochs_saved for one in ended)
    heard = [values[: ends[place][0]] if place in ends else values for place, values in enumerate(reports)]
    best, left = (max(float(np.nanmax(sign * values)) for values in some if _any(values)) for some in (reports, heard))
    return WhatIf(name, block, study, len(rows), ended, saved, saved / total if total else 0.0, max(0.0, best - left))


def _any(values: Floats) -> bool:
    return bool(len(values)) and not bool(np.isnan(values).all())


class _Interval(NamedTuple):
    """All trials after interval n. best: (trials,) of 1..n; reached: who has n reports and runs so far."""

    n: int
    best: Floats
    mean: Floats
    reached: np.ndarray[Any, np.dtype[np.bool_]]


def replay(policy: Rule, goal: Goal, reports: Sequence[Floats]) -> dict[int, tuple[int, Sentence]]:
    """{place of the trial: (interval at which it ends, why)}; reports: of each trial in order, NaN counts for nothing.

    A reason at a trial's last report comes too late to save anything; it is given all the same.
    """
    longest = max((len(values) for values in reports), default=0)
    table = np.full((len(reports), longest), np.nan)
    for place, values in enumerate(reports):
        table[place, : len(values)] = values
    length = np.array([len(values) for values in reports])
    sign = 1.0 if goal == "maximize" else -1.0
    best, total = np.full(len(reports), -np.inf), np.zeros(len(reports))
    heard, running = np.zeros(len(reports), np.int64), np.ones(len(reports), bool)
    ended: dict[int, tuple[int, Sentence]] = {}
    for n in range(1, longest + 1):
        reached = running & (length >= n)
        values = table[:, n - 1]
        told = reached & ~np.isnan(values)
        best[told] = np.maximum(best[told], sign * values[told])
        total[told] += values[told]
        heard[told] += 1
        if not applies(policy, n):
            continue
        known = np.where(heard > 0, sign * best, np.nan)
        means = np.divide(total, heard, out=np.full(len(total), np.nan), where=heard > 0)
        decided = _terminated_now(policy, goal, _Interval(n, known, means, reached))
        for place, reason in decided.items():
            ended[place], running[place] = (n, reason), False
    return ended


def _terminated_now(policy: Rule, goal: Goal, now: _Interval) -> dict[int, Sentence]:
    """The running trials that end after interval n, with the reason."""
    asked = np.flatnonzero(now.reached & ~np.isnan(now.best))
    known = now.best[~np.isnan(now.best)]
    if isinstance(policy, NoPolicy) or not len(asked):
        return {}
    if isinstance(policy, TruncationSelection):
        return _truncated(policy, goal, now, asked)
    found: dict[int, Sentence] = {}
    top = float(known.max() if goal == "maximize" else known.min())
    means = now.mean[~np.isnan(now.mean)]
    bar = float(np.median(means))
    for place in asked.tolist():
        own = float(now.best[place])
        if isinstance(policy, MedianStopping):
            if behind_median(goal, now.n, own, bar, len(means)) is not None:
                found[place] = Sentence("ended_median_stopping", {"own": own, "bar": bar, "num": len(means)})
            continue
        assert isinstance(policy, Bandit)
        if behind_best(policy, goal, now.n, own, top, len(known)) is not None:
            said = {"own": own, "top": top, "num": len(known), "slack": _slack(policy)}
            found[place] = Sentence("ended_bandit", said)
    return found


def _slack(policy: Bandit) -> str:
    factor, amount = policy.slack_factor, policy.slack_amount
    return f"slack_factor {factor:g}" if factor is not None else f"slack_amount {amount:g}"


def _truncated(
    policy: TruncationSelection, goal: Goal, now: _Interval, asked: np.ndarray[Any, Any]
) -> dict[int, Sentence]:
    order = sorted(asked.tolist(), key=lambda place: rank(goal, float(now.best[place]), place))
    top = float(now.best[order[-1]])
    count = math.floor(len(order) * policy.truncation_percentage / 100)
    said = {"num": len(order), "count": count, "percentage": policy.truncation_percentage}
    return {
        place: Sentence("ended_truncation_selection", said | {"own": float(now.best[place]), "place": number})
        for number, place in enumerate(order[:count], start=1)
        if among_worst(policy, goal, now.n, float(now.best[place]), number, len(order), top) is not None
    }
