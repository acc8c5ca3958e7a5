"""Truncation selection: at each interval the worst percentage of the trials that reached it ends."""

from bisect import bisect_left, insort
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
    best_values,
    timing,
)

Rank = tuple[float, int]
"""Sorts trials from the worst on; of equal values the younger trial counts as worse."""


@dataclass(frozen=True)
class TruncationSelection(Policy):
    """Ends the worst `truncation_percentage` of the trials, their number rounded down. A trial that equals the best one
    never ends. `exclude_finished_jobs`: compare with running trials only."""

    kind = "truncation_selection"
    truncation_percentage: int
    exclude_finished_jobs: bool = False
    evaluation_interval: int = 1
    delay_evaluation: int = 0

    @classmethod
    def parse(cls, block: Block) -> Self:
        return cls(
            block.whole("truncation_percentage", least=1, most=99),
            block.switch("exclude_finished_jobs", False),
            **timing(block),
        )

    def compare(self, candidate: Candidate, histories: Histories, finished: frozenset[int]) -> Reason | None:
        n, excluded = candidate.interval, finished - {candidate.trial} if self.exclude_finished_jobs else frozenset()
        reached = {
            trial: reports for trial, reports in histories.items() if len(reports) >= n and trial not in excluded
        }
        best = best_values(candidate.goal, reached, n)
        return self.reason(candidate, sorted(_rank(candidate.goal, value, trial) for trial, value in best.items()))

    def summary(self, goal: Goal) -> Summary:
        return _Ranks(self, goal)

    def reason(self, candidate: Candidate, ranks: Sequence[Rank]) -> Reason | None:
        """Return the reason to end the candidate. ranks: of the trials that reached the interval, sorted."""
        place = bisect_left(ranks, _rank(candidate.goal, candidate.best, candidate.trial)) + 1
        top = ranks[-1][0] if candidate.goal == "maximize" else -ranks[-1][0]
        count = len(ranks) * self.truncation_percentage // 100
        if place > count or not candidate.is_worse_than(top):
            return None
        values = {"own": candidate.best, "place": place, "num": len(ranks), "count": count}
        text = (
            f"truncation_selection at interval {candidate.interval}: best {candidate.best:.6g} is number {place} from "
            f"the worst of {len(ranks)} trials, of which {count} end ({self.truncation_percentage} %)"
        )
        return Reason(self.kind, values | {"percentage": self.truncation_percentage}, text)


class _Ranks(Summary):
    """Per interval: the ranks of the trials that reached it, sorted."""

    def __init__(self, policy: TruncationSelection, goal: Goal) -> None:
        self.policy, self.goal = policy, goal
        self.ranks: list[list[Rank]] = []

    def add(self, trial: int, reports: Sequence[float], best: Sequence[float | None]) -> None:
        if len(reports) > len(self.ranks):
            self.ranks.append([])
        if (value := best[-1]) is not None:
            insort(self.ranks[len(reports) - 1], _rank(self.goal, value, trial))

    def compare(self, candidate: Candidate) -> Reason | None:
        return self.policy.reason(candidate, self.ranks[candidate.interval - 1])

    def finish(self, trial: int, best: Sequence[float | None]) -> None:
        if self.policy.exclude_finished_jobs:
            for ranks, value in zip(self.ranks, best, strict=False):
                if value is not None:
                    del ranks[bisect_left(ranks, _rank(self.goal, value, trial))]


def _rank(goal: Goal, best: float, trial: int) -> Rank:
    return best if goal == "maximize" else -best, -trial
