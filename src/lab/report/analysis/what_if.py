"""What each early-termination policy would have done with trials that are over: which, when, why, saved, lost.

`lab.early_termination.replay` decides; an interval is a recorded validation.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lab.core.errors import Mistake, RequestError, listed
from lab.early_termination.parsing import POLICIES, parse
from lab.early_termination.policies.base import Goal, Policy, Reason
from lab.early_termination.replay import replay
from lab.report.analysis.groups import with_result
from lab.report.findings import Ended, Floats, Runs, Sentence, WhatIf
from lab.report.sources.expected_runs import CONFIRMATION, told_apart
from lab.report.text.sentences import CATALOGUE


def rules(blocks: Sequence[Mapping[str, Any] | str]) -> list[tuple[str, Mapping[str, Any], Policy]]:
    """Policies to replay, each with its name and block. Raises RequestError with every mistake.

    Optuna's pruners are refused: what they do depends on the order in which trials came in.
    """
    found: list[tuple[str, Mapping[str, Any], Policy]] = []
    mistakes: list[Mistake] = []
    for block in blocks:
        try:
            policy = parse(block)
        except RequestError as error:
            mistakes += error.mistakes
            continue
        if not policy.is_replayable:
            problem = "decides by the order in which trials came in, and cannot be replayed"
            others = [kind for kind, other in POLICIES.items() if other.is_replayable and kind != "none"]
            mistakes.append(Mistake("what_if", problem, listed(others), policy.kind))
        else:
            told = {"type": block} if isinstance(block, str) else block
            found.append((_name(told), told, policy))
    if mistakes:
        raise RequestError(mistakes)
    return found


def _name(block: Mapping[str, Any]) -> str:
    settings = " ".join(f"{key}={value}" for key, value in block.items() if key != "type")
    return f"{block['type']} {settings}".strip()


def replayed(runs: Runs, blocks: Sequence[Mapping[str, Any] | str]) -> tuple[WhatIf, ...]:
    """Every policy on the runs of every sweep, and on those of none together, where there are two or more."""
    policies = rules(blocks)
    good = with_result(runs) & np.array([runs.metric in history for history in runs.histories], bool)
    names, by_sweep = told_apart(runs.sweeps), dict[str, list[int]]()
    for row in np.flatnonzero(good).tolist():
        if not str(runs.frame["study"].iloc[row]).endswith(CONFIRMATION):
            by_sweep.setdefault(_sweep(runs, row), []).append(row)
    found = []
    for sweep, rows in by_sweep.items():
        if len(rows) < 2:
            continue
        reports = [runs.histories[row][runs.metric] for row in rows]
        for name, block, policy in policies:
            found.append(_judged(name, block, names.get(sweep, sweep), rows, reports, policy, runs.goal))
    return tuple(found)


def _sweep(runs: Runs, row: int) -> str:
    """Path of the sweep that a run stands in: two may have one name. Of none that was read: the name in its record."""
    known = {sweep.path for sweep in runs.sweeps}
    path, study = runs.frame["path"].iloc[row], runs.frame["study"].iloc[row]
    above = next((str(one) for one in Path(path).parents if str(one) in known), None)
    return above if above is not None else study if isinstance(study, str) else ""


def _judged(
    name: str,
    block: Mapping[str, Any],
    study: str,
    rows: Sequence[int],
    reports: Sequence[Floats],
    policy: Policy,
    goal: Goal,
) -> WhatIf:
    ends = replay(policy, goal, reports)
    sign = 1.0 if goal == "maximize" else -1.0
    total = sum(len(values) for values in reports)
    ended = tuple(
        Ended(rows[place], interval, len(reports[place]) - interval, _sentence(reason))
        for place, (interval, reason) in sorted(ends.items())
        if interval < len(reports[place])
    )
    saved = sum(one.epochs_saved for one in ended)
    heard = [values[: ends[place][0]] if place in ends else values for place, values in enumerate(reports)]
    best, left = (max(float(np.nanmax(sign * values)) for values in some if _any(values)) for some in (reports, heard))
    return WhatIf(name, block, study, len(rows), ended, saved, saved / total if total else 0.0, max(0.0, best - left))


def _any(values: Floats) -> bool:
    return bool(len(values)) and not bool(np.isnan(values).all())


def _sentence(reason: Reason) -> Sentence:
    """The reason in the report's languages, or in the policy's own words where the catalogue has none."""
    key = f"ended_{reason.policy}"
    return Sentence(key, reason.values) if key in CATALOGUE else Sentence("ended_by_policy", {"reason": reason.text})
