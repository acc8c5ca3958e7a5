"""What a policy compares a trial with, kept up to date at each report, so that a decision costs the same at trial 5,000
as at trial 5. Says exactly what `lab.early_termination.policies.decide` says of the same histories, which looks at
every trial anew.

Per interval n: the best report so far (bandit), the running averages sorted (median), the best values of trials that
reached n sorted (truncation). A report costs a few binary searches per interval, some 20 microseconds.
"""

import math
from bisect import bisect_left, insort
from typing import Any

from lab.early_termination.policies import (
    Bandit,
    Goal,
    MedianStopping,
    NoPolicy,
    OptunaPruner,
    Policy,
    Rule,
    TruncationSelection,
    among_worst,
    applies,
    behind_best,
    behind_median,
    best_of,
    holds_back,
    mean_of,
    rank,
)


class Standings:
    """The reports of all trials under one policy and goal."""

    def __init__(self, policy: Policy, goal: Goal) -> None:
        self.policy: Rule = NoPolicy() if isinstance(policy, OptunaPruner) else policy  # Optuna decides by its own
        self.goal = goal
        self.histories: dict[int, list[float]] = {}
        self.finished: set[int] = set()
        self._tops: list[float | None] = []
        self._heard: list[int] = []
        """Per interval: trials with a number among their reports up to it."""
        self._means: list[list[float]] = []
        self._ranks: list[list[tuple[float, int]]] = []

    def report(self, trial: int, value: float) -> int:
        """Put a trial's next report down; its interval, counted from 1."""
        reports = self.histories.setdefault(trial, [])
        reports.append(value)
        if isinstance(self.policy, Bandit):
            self._put_top(reports)
        elif isinstance(self.policy, MedianStopping):
            self._put_mean(reports)
        elif isinstance(self.policy, TruncationSelection):
            self._put_rank(trial, reports)
        return len(reports)

    def finish(self, trial: int) -> None:
        """The trial runs no more."""
        self.finished.add(trial)
        if isinstance(self.policy, TruncationSelection) and self.policy.exclude_finished_jobs:
            reports = self.histories.get(trial, [])
            for n in range(1, len(reports) + 1):
                best = best_of(self.goal, reports[:n])
                if best is not None:
                    _take(self._ranks[n - 1], rank(self.goal, best, trial))

    def decide(self, trial: int, interval: int | None = None) -> str | None:
        """None to keep a running trial after its last report, or the reason to end it.

        interval: an earlier report of its own to decide at, as when a resumed trial reports it again.
        """
        reports = self.histories[trial][:interval]
        n, own = len(reports), best_of(self.goal, reports)
        if own is None or not applies(self.policy, n):
            return None
        if isinstance(self.policy, Bandit):
            top = best_of(self.goal, [top for top in self._tops[:n] if top is not None])
            return behind_best(self.policy, self.goal, n, own, top, self._heard[n - 1])
        if isinstance(self.policy, MedianStopping):
            means = self._means[n - 1]
            if not means:
                return None
            middle = len(means) // 2
            bar = means[middle] if len(means) % 2 else (means[middle - 1] + means[middle]) / 2
            return behind_median(self.goal, n, own, bar, len(means))
        if isinstance(self.policy, TruncationSelection):
            ranks = self._ranks[n - 1]
            place = bisect_left(ranks, rank(self.goal, own, trial)) + 1
            top = ranks[-1][0] if self.goal == "maximize" else -ranks[-1][0]
            return among_worst(self.policy, self.goal, n, own, place, len(ranks), top)
        return None

    def holds_back(self, interval: int) -> str | None:
        """Why the policy cannot act at that interval, to be said once, or None."""
        tops = [math.nan if top is None else top for top in self._tops]
        return holds_back(self.policy, self.goal, {0: tops}, interval)

    def _put_top(self, reports: list[float]) -> None:
        n = len(reports)
        if n > len(self._tops):
            self._tops.append(None)
            self._heard.append(self._heard[-1] if self._heard else 0)
        old = self._tops[n - 1]
        self._tops[n - 1] = best_of(self.goal, [reports[-1]] if old is None else [old, reports[-1]])
        if best_of(self.goal, reports) is not None and best_of(self.goal, reports[:-1]) is None:
            for later in range(n - 1, len(self._heard)):
                self._heard[later] += 1

    def _put_mean(self, reports: list[float]) -> None:
        n, old, new = len(reports), mean_of(reports[:-1]), mean_of(reports)
        if n > len(self._means):
            self._means.append(list(self._means[-1]) if self._means else [])
        for means in self._means[n - 1 :]:
            if old is not None:
                _take(means, old)
            if new is not None:
                insort(means, new)

    def _put_rank(self, trial: int, reports: list[float]) -> None:
        n, best = len(reports), best_of(self.goal, reports)
        if n > len(self._ranks):
            self._ranks.append([])
        if best is not None:
            insort(self._ranks[n - 1], rank(self.goal, best, trial))


def _take(items: list[Any], item: float | tuple[float, int]) -> None:
    place = bisect_left(items, item)
    assert items[place] == item, "every value that is taken out was put in"
    del items[place]
