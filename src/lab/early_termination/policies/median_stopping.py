"""Median stopping: a trial ends when its best value is worse than the median of all trials' running averages."""

import math
from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from lab.config.typed_block import Block
from lab.early_termination.policies.base import Candidate, Goal, Histories, Policy, Reason, Summary, timing


@dataclass(frozen=True)
class MedianStopping(Policy):
    """The running average of a trial is the mean of its reports 1..n, also where it has reported fewer."""

    kind = "median_stopping"
    evaluation_interval: int = 1
    delay_evaluation: int = 0

    @classmethod
    def parse(cls, block: Block) -> Self:
        return cls(**timing(block))

    def compare(self, candidate: Candidate, histories: Histories, finished: frozenset[int]) -> Reason | None:  # noqa: ARG002
        means = [mean_of(reports[: candidate.interval]) for reports in histories.values()]
        return self.reason(candidate, sorted(mean for mean in means if mean is not None))

    def summary(self, goal: Goal) -> Summary:  # noqa: ARG002
        return _RunningAverages(self)

    def reason(self, candidate: Candidate, means: Sequence[float]) -> Reason | None:
        """Return the reason to end the candidate. means: the trials' running averages, sorted."""
        if not means:
            return None
        middle = len(means) // 2
        bar = means[middle] if len(means) % 2 else (means[middle - 1] + means[middle]) / 2
        if not candidate.is_worse_than(bar):
            return None
        text = (
            f"median_stopping at interval {candidate.interval}: {candidate.behind(bar)}, "
            f"the median of {len(means)} trials' running averages"
        )
        return Reason(self.kind, {"own": candidate.best, "bar": bar, "num": len(means)}, text)


class _RunningAverages(Summary):
    """Per interval: the running averages of all trials, sorted."""

    def __init__(self, policy: MedianStopping) -> None:
        self.policy = policy
        self.means: list[list[float]] = []
        self.last: dict[int, float | None] = {}
        """Each trial's running average after its newest report."""

    def add(self, trial: int, reports: Sequence[float], best: Sequence[float | None]) -> None:  # noqa: ARG002
        n, old, new = len(reports), self.last.get(trial), mean_of(reports)
        self.last[trial] = new
        if n > len(self.means):
            self.means.append(list(self.means[-1]) if self.means else [])
        for means in self.means[n - 1 :]:
            if old is not None:
                del means[bisect_left(means, old)]
            if new is not None:
                insort(means, new)

    def compare(self, candidate: Candidate) -> Reason | None:
        return self.policy.reason(candidate, self.means[candidate.interval - 1])


def mean_of(values: Sequence[float]) -> float | None:
    """Return the mean of the values that are not NaN; None without any, or where both infinities are among them."""
    numbers = [value for value in values if not math.isnan(value)]
    try:
        return math.fsum(numbers) / len(numbers)
    except (ZeroDivisionError, ValueError):
        return None
