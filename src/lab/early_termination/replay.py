"""Replay: the trials that a policy would have ended, applied to finished trials.

The trials are replayed in step: at interval n all that still run report, then the policy decides on each of them. A
trial that was ended keeps its reports so far. The decision is the one of a live sweep: 10,000 trials of 50 intervals
take 2 to 3 s a policy, 1,000 about .1 s (arrays took a tenth of it, as a second implementation of every policy).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lab.early_termination.incremental import IncrementalState
from lab.early_termination.policies.base import Goal, Policy, Reason


def replay(
    policy: Policy, goal: Goal, reports: Sequence[Sequence[float] | NDArray[np.float64]]
) -> dict[int, tuple[int, Reason]]:
    """Return {index of a trial: (interval at which it ends, reason)}; reports: of each trial in order, NaN left out.

    A reason at a trial's last report is included, although it saves nothing.
    """
    state = IncrementalState(policy, goal)
    ended: dict[int, tuple[int, Reason]] = {}
    for n in range(1, max(map(len, reports), default=0) + 1):
        running = [trial for trial, values in enumerate(reports) if len(values) >= n and trial not in ended]
        for trial in running:
            state.report(trial, float(reports[trial][n - 1]))
        reasons = {trial: state.decide(trial) for trial in running} if policy.applies(n) else {}
        ended |= {trial: (n, reason) for trial, reason in reasons.items() if reason is not None}
    return ended
