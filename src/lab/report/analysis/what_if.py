"""Replays early-termination policies: which trials each would have ended, when and why, and what this saves and loses.

`lab.early_termination.replay` decides on finished trials. An interval is a recorded validation.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lab.core.errors import Mistake, RequestError, listed
from lab.core.registry import POLICIES
from lab.early_termination.parsing import parse
from lab.early_termination.policies.base import Goal, Policy, Reason
from lab.early_termination.replay import replay
from lab.report.analysis.groups import has_result
from lab.report.findings import Floats, Runs, Sentence, TerminatedTrial, WhatIf
from lab.report.sources.expected_runs import CONFIRMATION, unique_names
from lab.report.text.translate import catalogue


def parse_policies(blocks: Sequence[Mapping[str, Any] | str]) -> list[tuple[str, Mapping[str, Any], Policy]]:
    """Return the policies to replay, each with its name and block. Raises RequestError with every mistake.

    Optuna's pruners are refused: their decisions depend on the order in which trials reported.
    """
    policies: list[tuple[str, Mapping[str, Any], Policy]] = []
    mistakes: list[Mistake] = []
    for block in blocks:
        try:
            policy = parse(block)
        except RequestError as error:
            mistakes += error.mistakes
            continue
        if not policy.is_replayable:
            problem = "decides by the order in which trials reported, and cannot be replayed"
            others = [kind for kind, other in POLICIES.items() if other.is_replayable and kind != "none"]
            mistakes.append(Mistake("what_if", problem, listed(others), policy.kind))
        else:
            settings = {"type": block} if isinstance(block, str) else block
            policies.append((_name(settings), settings, policy))
    if mistakes:
        raise RequestError(mistakes)
    return policies


def _name(block: Mapping[str, Any]) -> str:
    settings = " ".join(f"{key}={value}" for key, value in block.items() if key != "type")
    return f"{block['type']} {settings}".strip()


def replay_policies(runs: Runs, blocks: Sequence[Mapping[str, Any] | str]) -> tuple[WhatIf, ...]:
    """Return the result of every policy on every sweep of two runs or more; runs outside all sweeps count as one."""
    policies = parse_policies(blocks)
    good = has_result(runs) & np.array([runs.metric in history for history in runs.histories], bool)
    names, by_sweep = unique_names(runs.sweeps), dict[str, list[int]]()
    for row in np.flatnonzero(good).tolist():
        if not str(runs.frame["study"].iloc[row]).endswith(CONFIRMATION):
            by_sweep.setdefault(_sweep(runs, row), []).append(row)
    results = []
    for sweep, rows in by_sweep.items():
        if len(rows) < 2:
            continue
        reports = [runs.histories[row][runs.metric] for row in rows]
        for name, block, policy in policies:
            results.append(_replay_on_sweep(name, block, names.get(sweep, sweep), rows, reports, policy, runs.goal))
    return tuple(results)


def _sweep(runs: Runs, row: int) -> str:
    """Return the path of the sweep that contains a run, since two sweeps may share a name.

    For a sweep that was not read: its name in the run's record.
    """
    paths = {sweep.path for sweep in runs.sweeps}
    path, study = runs.frame["path"].iloc[row], runs.frame["study"].iloc[row]
    parent = next((str(parent) for parent in Path(path).parents if str(parent) in paths), None)
    return parent if parent is not None else study if isinstance(study, str) else ""


def _replay_on_sweep(
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
        TerminatedTrial(rows[place], interval, len(reports[place]) - interval, _sentence(reason))
        for place, (interval, reason) in sorted(ends.items())
        if interval < len(reports[place])
    )
    saved = sum(trial.epochs_saved for trial in ended)
    kept = [values[: ends[place][0]] if place in ends else values for place, values in enumerate(reports)]
    best, rest = (max(float(np.nanmax(sign * values)) for values in some if _any(values)) for some in (reports, kept))
    return WhatIf(name, block, study, len(rows), ended, saved, saved / total if total else 0.0, max(0.0, best - rest))


def _any(values: Floats) -> bool:
    return bool(len(values)) and not bool(np.isnan(values).all())


def _sentence(reason: Reason) -> Sentence:
    """Return the reason in the report's languages, or in the policy's own words if the catalogue has none."""
    key = f"ended_{reason.policy}"
    known = key in catalogue("en")
    return Sentence(key, reason.values) if known else Sentence("ended_by_policy", {"reason": reason.text})
