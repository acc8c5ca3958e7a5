"""The interface of an early-termination policy: when it is applied, its comparison, and the reason it gives.

Policies are pure functions of the reports: no clock, no storage. An interval is one report of the primary metric by a
trial, counted from 1. A policy is applied at report n if n is a multiple of `evaluation_interval` and n >=
`delay_evaluation` (delay 5, interval 2: 6, 8, 10), and ends that one trial. Ties never end a trial: worse means worse
by more than one part in 10^9. Source: Azure ML, "Specify early termination policy".
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Self

from lab.config.typed_block import Block

if TYPE_CHECKING:
    from optuna.pruners import BasePruner

Goal = Literal["maximize", "minimize"]
Histories = Mapping[int, Sequence[float]]
"""Trial number: its reports 1..n in order."""


class Candidate(NamedTuple):
    """A running trial after its report `interval`. best: the best value that it has reported so far."""

    goal: Goal
    trial: int
    interval: int
    best: float

    def is_worse_than(self, bar: float) -> bool:
        """Whether the trial's best value is worse than `bar`; equal up to one part in 10^9 is not worse."""
        is_worse = self.best < bar if self.goal == "maximize" else self.best > bar
        return is_worse and not math.isclose(self.best, bar, rel_tol=1e-9)

    def behind(self, bar: float) -> str:
        """The comparison in words: `best 0.3 is below 0.5`."""
        return f"best {self.best:.6g} is {'below' if self.goal == 'maximize' else 'above'} {bar:.6g}"


@dataclass(frozen=True)
class Reason:
    """Why a trial ends. policy: its kind; values: the numbers, for translation; text: the sentence in English."""

    policy: str
    values: Mapping[str, Any]
    text: str


class Summary(ABC):
    """The values that a policy compares trials with, kept up to date at each report, so that a decision does not read
    all reports again. It must give the same reasons as `Policy.compare`."""

    @abstractmethod
    def add(self, trial: int, reports: Sequence[float], best: Sequence[float | None]) -> None:
        """Take in a trial's newest report, the last of its `reports`; best: its best value after each of them."""

    @abstractmethod
    def compare(self, candidate: Candidate) -> Reason | None:
        """Return the reason to end the candidate, or None to keep it."""

    def finish(self, trial: int, best: Sequence[float | None]) -> None:  # noqa: B027
        """Take in that a trial has finished; best: as in `add`."""

    def obstacle(self, interval: int) -> str | None:  # noqa: ARG002
        """Return why the policy cannot act at that interval, or None; as `Policy.obstacle`."""
        return None


class Policy(ABC):
    """A policy. A new one defines `kind`, `parse` and `compare`; the other methods have defaults."""

    kind: ClassVar[str]
    """The `type` of its block."""
    is_replayable: ClassVar[bool] = True
    """False where the decision depends on the order in which trials reported."""
    evaluation_interval: int = 1
    delay_evaluation: int = 0

    @classmethod
    @abstractmethod
    def parse(cls, block: Block) -> Self:
        """Read the policy from its block, whose mistakes are added to the block's list."""

    @abstractmethod
    def compare(self, candidate: Candidate, histories: Histories, finished: frozenset[int]) -> Reason | None:
        """Return the reason to end the candidate, or None to keep it.

        histories: all trials' reports, the candidate's up to its interval included. finished: trials that have ended.
        Reports that are NaN are left out. Costs one pass over all histories.
        """

    def applies(self, n: int) -> bool:
        """Whether the policy is applied at report n."""
        return n > 0 and n % self.evaluation_interval == 0 and n >= self.delay_evaluation

    def decide(self, goal: Goal, histories: Histories, trial: int, finished: frozenset[int]) -> Reason | None:
        """Return the reason to end `trial` after its last report, or None to keep it; arguments as in `compare`."""
        n, best = len(histories[trial]), best_of(goal, histories[trial])
        if best is None or not self.applies(n):
            return None
        return self.compare(Candidate(goal, trial, n, best), histories, finished)

    def obstacle(self, goal: Goal, histories: Histories, n: int) -> str | None:  # noqa: ARG002
        """Return why the policy cannot act at report n, a sentence to show once, or None."""
        return None

    def summary(self, goal: Goal) -> Summary | None:  # noqa: ARG002
        """Return an empty summary, or None: then every decision reads all reports."""
        return None

    def pruner(self) -> "BasePruner | None":
        """Return the pruner of Optuna that decides in the policy's place, or None."""
        return None


@dataclass(frozen=True)
class NoPolicy(Policy):
    """No trial is ended early."""

    kind = "none"

    @classmethod
    def parse(cls, block: Block) -> Self:  # noqa: ARG003
        return cls()

    def applies(self, n: int) -> bool:  # noqa: ARG002
        return False

    def compare(self, candidate: Candidate, histories: Histories, finished: frozenset[int]) -> Reason | None:  # noqa: ARG002
        return None


def timing(block: Block) -> dict[str, int]:
    """Return `evaluation_interval` and `delay_evaluation` of a block, which all of Azure's policies have."""
    return {
        "evaluation_interval": block.whole("evaluation_interval", 1, least=1),
        "delay_evaluation": block.whole("delay_evaluation", 0),
    }


def better_of(goal: Goal, known: float | None, value: float) -> float | None:
    """Return the better of a best value so far and the next value, which may be NaN."""
    if math.isnan(value):
        return known
    return value if known is None or (value > known if goal == "maximize" else value < known) else known


def best_of(goal: Goal, values: Iterable[float]) -> float | None:
    """Return the best of the values that are not NaN, or None if there is none."""
    numbers = (value for value in values if not math.isnan(value))
    return (max if goal == "maximize" else min)(numbers, default=None)


def best_values(goal: Goal, histories: Histories, n: int) -> dict[int, float]:
    """Return each trial's best value in reports 1..n; trials without a value are left out."""
    return {trial: best for trial, reports in histories.items() if (best := best_of(goal, reports[:n])) is not None}
