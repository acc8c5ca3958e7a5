"""Early termination: whether a trial of a sweep is worth going on with, as Azure ML's policies define it.

Pure functions of what was reported: no clock, no storage. An interval is one report of the primary metric by a trial,
counted from 1. A policy is applied at report n iff n is a multiple of `evaluation_interval` and n >= `delay_evaluation`
(delay 5, interval 2: 6, 8, 10), and ends that one trial. `best_n(r)` is the best value trial r reported in 1..n, also
where r has reported fewer. Ties are no reason to end: worse means worse by more than one part in 10^9.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Literal

from lab.config.typed_block import Block, opened

Goal = Literal["maximize", "minimize"]
Histories = Mapping[int, Sequence[float]]
"""Trial number: its reports 1..n in order."""


@dataclass(frozen=True)
class NoPolicy:
    """Every trial goes on to its end."""


@dataclass(frozen=True)
class Bandit:
    """End what is worse than the best by more than a slack: a ratio or an amount, exactly one of them."""

    slack_factor: float | None = None
    slack_amount: float | None = None
    evaluation_interval: int = 1
    delay_evaluation: int = 0


@dataclass(frozen=True)
class MedianStopping:
    """End what is, at its best, worse than the median of all trials' running averages."""

    evaluation_interval: int = 1
    delay_evaluation: int = 0


@dataclass(frozen=True)
class TruncationSelection:
    """End the worst `truncation_percentage` of the trials that reached n; their number is rounded down."""

    truncation_percentage: int
    exclude_finished_jobs: bool = False
    evaluation_interval: int = 1
    delay_evaluation: int = 0


@dataclass(frozen=True)
class OptunaPruner:
    """A pruner of Optuna's, which counts and decides by its own rules (`trial.should_prune`)."""

    name: Literal["asha", "hyperband"]
    params: Mapping[str, Any] = field(default_factory=dict)


Rule = NoPolicy | Bandit | MedianStopping | TruncationSelection
Policy = Rule | OptunaPruner
KEY = "sweep.early_termination"
KINDS = ("none", "bandit", "median_stopping", "truncation_selection", "asha", "hyperband")


def parse(block: Mapping[str, Any] | str | None) -> Policy:
    """The policy of an `early_termination` block, Azure's keys; null, `none` or no type at all: none.

    Raises RequestError with every mistake in the block.
    """
    if block is None or block == {}:
        return NoPolicy()
    kind, read = opened(block, KEY, KINDS)
    policy = _PARSERS[kind](read)
    read.settle()
    return policy


def applies(policy: Rule, n: int) -> bool:
    """Whether the policy is applied at report n."""
    if isinstance(policy, NoPolicy):
        return False
    return n > 0 and n % policy.evaluation_interval == 0 and n >= policy.delay_evaluation


def decide(policy: Rule, goal: Goal, histories: Histories, trial: int, finished: frozenset[int]) -> str | None:
    """None to keep `trial` after its last report, or the reason to end it, in words with the numbers.

    histories: of all trials, the trial's own included; n is its number of reports. finished: trials that run no more.
    Reports that are not a number count for nothing. Costs one pass over all histories.
    """
    n = len(histories[trial])
    if isinstance(policy, NoPolicy) or not applies(policy, n):
        return None
    best = {number: value for number, reports in histories.items() if (value := best_of(goal, reports[:n])) is not None}
    if trial not in best:
        return None
    own = best[trial]
    if isinstance(policy, MedianStopping):
        means = [mean for reports in histories.values() if (mean := mean_of(reports[:n])) is not None]
        return behind_median(goal, n, own, median(means), len(means)) if means else None
    if isinstance(policy, TruncationSelection):
        left_out = finished - {trial} if policy.exclude_finished_jobs else frozenset()
        reached = [number for number in best if len(histories[number]) >= n and number not in left_out]
        place = sorted(reached, key=lambda number: rank(goal, best[number], number)).index(trial) + 1
        top = best_of(goal, [best[number] for number in reached])
        return among_worst(policy, goal, n, own, place, len(reached), top)
    return behind_best(policy, goal, n, own, best_of(goal, list(best.values())), len(best))


def holds_back(policy: Policy, goal: Goal, histories: Histories, n: int) -> str | None:
    """Why a policy cannot act at report n, to be said once, or None: a ratio of a best that is not positive."""
    if not isinstance(policy, Bandit) or policy.slack_factor is None or not applies(policy, n):
        return None
    best = best_of(goal, [value for reports in histories.values() for value in reports[:n]])
    if best is None or best > 0:
        return None
    return (
        f"slack_factor ends no trial while the best value is not positive ({best:g} at interval {n}); slack_amount does"
    )


def behind_best(policy: Bandit, goal: Goal, n: int, own: float, top: float | None, num_trials: int) -> str | None:
    """Bandit: own is the trial's best_n, top the best of all trials."""
    assert top is not None, "the trial's own best is among them"
    if policy.slack_factor is not None:
        if top <= 0:
            return None
        bar = top / (1 + policy.slack_factor) if goal == "maximize" else top * (1 + policy.slack_factor)
        slack = f"slack_factor {policy.slack_factor:g}"
    else:
        assert policy.slack_amount is not None, "parse lets exactly one slack through"
        bar = top - policy.slack_amount if goal == "maximize" else top + policy.slack_amount
        slack = f"slack_amount {policy.slack_amount:g}"
    if not _worse(goal, own, bar):
        return None
    return (
        f"bandit at interval {n}: best {own:.6g} is {_side(goal)} {bar:.6g} "
        f"(best of {num_trials} trials {top:.6g}, {slack})"
    )


def behind_median(goal: Goal, n: int, own: float, bar: float, num_trials: int) -> str | None:
    """Median stopping: bar is the median of the running averages of `num_trials` trials."""
    if not _worse(goal, own, bar):
        return None
    return (
        f"median_stopping at interval {n}: best {own:.6g} is {_side(goal)} {bar:.6g}, "
        f"the median of {num_trials} trials' running averages"
    )


def among_worst(
    policy: TruncationSelection, goal: Goal, n: int, own: float, place: int, num_trials: int, top: float | None
) -> str | None:
    """Truncation: place is the trial's from the worst, 1 on, among `num_trials`. What equals the best never ends."""
    count = num_trials * policy.truncation_percentage // 100
    if place > count or top is None or not _worse(goal, own, top):
        return None
    return (
        f"truncation_selection at interval {n}: best {own:.6g} is number {place} from the "
        f"worst of {num_trials} trials, of which {count} end ({policy.truncation_percentage} %)"
    )


def rank(goal: Goal, best: float, trial: int) -> tuple[float, int]:
    """Sorts trials from the worst on; of equal values the younger trial counts as worse."""
    return (best if goal == "maximize" else -best, -trial)


def best_of(goal: Goal, values: Sequence[float]) -> float | None:
    """The best of the values that are numbers, None without any."""
    numbers = [value for value in values if not math.isnan(value)]
    return (max if goal == "maximize" else min)(numbers, default=None)


def mean_of(values: Sequence[float]) -> float | None:
    """The mean of the values that are numbers, None without any."""
    numbers = [value for value in values if not math.isnan(value)]
    if not numbers or (math.inf in numbers and -math.inf in numbers):
        return None
    return math.fsum(numbers) / len(numbers)


def _worse(goal: Goal, value: float, bar: float) -> bool:
    if math.isclose(value, bar, rel_tol=1e-9):
        return False
    return value < bar if goal == "maximize" else value > bar


def _side(goal: Goal) -> str:
    return "below" if goal == "maximize" else "above"


def _times(block: Block) -> dict[str, int]:
    return {
        "evaluation_interval": block.whole("evaluation_interval", 1, least=1),
        "delay_evaluation": block.whole("delay_evaluation", 0),
    }


def _parse_bandit(block: Block) -> Bandit:
    factor, amount = block.has("slack_factor"), block.has("slack_amount")
    if factor and amount:
        block.wrong("", "takes slack_factor or slack_amount, not both", mended={"slack_amount": None})
    elif not factor and not amount:
        block.wrong("", "needs slack_factor or slack_amount", mended={"slack_factor": 0.1})
    return Bandit(
        block.number("slack_factor", least=0) if factor else None,
        block.number("slack_amount", least=0) if amount else None,
        **_times(block),
    )


def _parse_truncation(block: Block) -> TruncationSelection:
    return TruncationSelection(
        block.whole("truncation_percentage", least=1, most=99),
        block.switch("exclude_finished_jobs", False),
        **_times(block),
    )


def _resources(block: Block, factor: int) -> dict[str, Any]:
    least = block.whole("min_resource", 1, least=1)
    return {"min_resource": least, "reduction_factor": block.whole("reduction_factor", factor, least=2)}


def _parse_asha(block: Block) -> OptunaPruner:
    rate = block.whole("min_early_stopping_rate", 0)
    return OptunaPruner("asha", _resources(block, 4) | {"min_early_stopping_rate": rate})


def _parse_hyperband(block: Block) -> OptunaPruner:
    most = block.whole("max_resource", least=1) if block.has("max_resource") else "auto"
    return OptunaPruner("hyperband", _resources(block, 3) | {"max_resource": most})


_PARSERS: dict[str, Callable[[Block], Policy]] = {
    "none": lambda _: NoPolicy(),
    "bandit": _parse_bandit,
    "median_stopping": lambda block: MedianStopping(**_times(block)),
    "truncation_selection": _parse_truncation,
    "asha": _parse_asha,
    "hyperband": _parse_hyperband,
}
