"""All trials' reports under one policy, kept so that a decision costs the same at trial 5,000 as at trial 5.

The reasons are those of `Policy.decide`, which reads all reports. A report costs a few binary searches per
interval, some 20 microseconds, where the policy has a summary.
"""

from lab.early_termination.policies.base import Candidate, Goal, Policy, Reason, better_of


class IncrementalState:
    """The reports of all trials. histories: by trial number; finished: trials that have ended."""

    def __init__(self, policy: Policy, goal: Goal) -> None:
        self.policy, self.goal = policy, goal
        self.histories: dict[int, list[float]] = {}
        self.finished: set[int] = set()
        self._best: dict[int, list[float | None]] = {}
        self._summary = policy.summary(goal)

    def report(self, trial: int, value: float) -> int:
        """Add a trial's next report; return its interval, counted from 1."""
        reports = self.histories.setdefault(trial, [])
        reports.append(value)
        best = self._best.setdefault(trial, [])
        best.append(better_of(self.goal, best[-1] if best else None, value))
        if self._summary is not None:
            self._summary.add(trial, reports, best)
        return len(reports)

    def finish(self, trial: int) -> None:
        """Mark a trial as ended."""
        self.finished.add(trial)
        if self._summary is not None:
            self._summary.finish(trial, self._best.get(trial, []))

    def decide(self, trial: int, interval: int | None = None) -> Reason | None:
        """Return the reason to end a running trial after its last report, or None to keep it.

        interval: decide at an earlier report, which a resumed trial has sent again.
        """
        n = interval or len(self.histories[trial])
        best = self._best[trial][n - 1]
        if best is None or not self.policy.applies(n):
            return None
        candidate = Candidate(self.goal, trial, n, best)
        if self._summary is not None:
            return self._summary.compare(candidate)
        histories = {**self.histories, trial: self.histories[trial][:n]}
        return self.policy.compare(candidate, histories, frozenset(self.finished))

    def obstacle(self, interval: int) -> str | None:
        """Return why the policy cannot act at that interval, a sentence to show once, or None."""
        if self._summary is not None:
            return self._summary.obstacle(interval)
        return self.policy.obstacle(self.goal, self.histories, interval)
