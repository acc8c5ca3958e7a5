"""Bandit: a trial ends when its best value is worse than the best of all trials by more than a slack."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from lab.config.typed_block import Block
from lab.early_termination.policies.base import (
    Candidate,
    Goal,
    Histories,
    Policy,
    Reason,
    Summary,
    best_of,
    best_values,
    better_of,
    timing,
)


@dataclass(frozen=True)
class Bandit(Policy):
    """The slack is a ratio (`slack_factor`) or an amount (`slack_amount`); exactly one of them is given.

    Maximizing, the bar is best / (1 + slack_factor) or best - slack_amount; minimizing, best * (1 + slack_factor) or
    best + slack_amount. A ratio needs a best value above 0.
    """

    kind = "bandit"
    slack_factor: float | None = None
    slack_amount: float | None = None
    evaluation_interval: int = 1
    delay_evaluation: int = 0

    @classmethod
    def parse(cls, block: Block) -> Self:
        factor, amount = block.has("slack_factor"), block.has("slack_amount")
        if factor and amount:
            block.wrong("", "takes slack_factor or slack_amount, not both", mended={"slack_amount": None})
        elif not factor and not amount:
            block.wrong("", "needs slack_factor or slack_amount", mended={"slack_factor": 0.1})
        return cls(
            block.number("slack_factor", least=0) if factor else None,
            block.number("slack_amount", least=0) if amount else None,
            **timing(block),
        )

    def compare(self, candidate: Candidate, histories: Histories, finished: frozenset[int]) -> Reason | None:  # noqa: ARG002
        best = best_values(candidate.goal, histories, candidate.interval)
        return self.reason(candidate, best_of(candidate.goal, best.values()), len(best))

    def obstacle(self, goal: Goal, histories: Histories, n: int) -> str | None:
        if self.slack_factor is None or not self.applies(n):
            return None
        best = best_of(goal, (value for reports in histories.values() for value in reports[:n]))
        if best is None or best > 0:
            return None
        return (
            f"slack_factor ends no trial while the best value is not positive ({best:g} at interval {n}); "
            "slack_amount does"
        )

    def summary(self, goal: Goal) -> Summary:
        return _BestSoFar(self, goal)

    def reason(self, candidate: Candidate, top: float | None, num_trials: int) -> Reason | None:
        """Return the reason to end the candidate. top: the best value of all `num_trials` trials with a value."""
        assert top is not None, "the candidate's own best value is among them"
        is_maximized = candidate.goal == "maximize"
        if self.slack_factor is not None:
            if top <= 0:
                return None
            bar = top / (1 + self.slack_factor) if is_maximized else top * (1 + self.slack_factor)
        else:
            assert self.slack_amount is not None, "parse accepts exactly one slack"
            bar = top - self.slack_amount if is_maximized else top + self.slack_amount
        if not candidate.is_worse_than(bar):
            return None
        slack = (
            f"slack_amount {self.slack_amount:g}"
            if self.slack_factor is None
            else f"slack_factor {self.slack_factor:g}"
        )
        text = (
            f"bandit at interval {candidate.interval}: {candidate.behind(bar)} "
            f"(best of {num_trials} trials {top:.6g}, {slack})"
        )
        return Reason(self.kind, {"own": candidate.best, "top": top, "num": num_trials, "slack": slack}, text)


class _BestSoFar(Summary):
    """Per interval n: the best value of all reports 1..n, and how many trials have a value among theirs."""

    def __init__(self, policy: Bandit, goal: Goal) -> None:
        self.policy, self.goal = policy, goal
        self.top: list[float | None] = []
        self.num_trials: list[int] = []

    def add(self, trial: int, reports: Sequence[float], best: Sequence[float | None]) -> None:  # noqa: ARG002
        n, value = len(reports), reports[-1]
        if n > len(self.top):
            self.top.append(self.top[-1] if self.top else None)
            self.num_trials.append(self.num_trials[-1] if self.num_trials else 0)
        if math.isnan(value):
            return
        is_first = n == 1 or best[n - 2] is None
        for place in range(n - 1, len(self.top)):
            self.top[place] = better_of(self.goal, self.top[place], value)
            self.num_trials[place] += is_first

    def compare(self, candidate: Candidate) -> Reason | None:
        place = candidate.interval - 1
        return self.policy.reason(candidate, self.top[place], self.num_trials[place])

    def obstacle(self, interval: int) -> str | None:
        top = self.top[interval - 1]
        return self.policy.obstacle(self.goal, {} if top is None else {0: [top]}, interval)
